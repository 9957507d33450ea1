{{/* The namespaces that the operator watches, separated by spaces; empty: all. */}}
{{- define "timbre.namespaces" -}}
{{- if not .Values.operator.clusterWide }}
{{- default (list .Release.Namespace) .Values.operator.namespaces | uniq | join " " }}
{{- end }}
{{- end }}

{{/* Rights in the operator's own namespace: those of timbre_operator.rbac.OWN. */}}
{{- define "timbre.operatorOwnRules" -}}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, patch]}
{{- end }}

{{/* Rights in each watched namespace: those of timbre_operator.rbac.SERVED and KEDA. */}}
{{- define "timbre.operatorRules" -}}
- {apiGroups: [timbre.dev], resources: [speechengines], verbs: [get, list, watch]}
- {apiGroups: [timbre.dev], resources: [voiceprofiles], verbs: [list, watch]}
- {apiGroups: [timbre.dev], resources: [speechengines/status, voiceprofiles/status], verbs: [patch]}
- {apiGroups: [""], resources: [pods], verbs: [list, watch]}
- {apiGroups: [""], resources: [persistentvolumeclaims], verbs: [get]}
- {apiGroups: [""], resources: [secrets], verbs: [get, create, patch]}
- {apiGroups: [""], resources: [serviceaccounts, services], verbs: [get, list, watch, create, patch]}
- {apiGroups: [""], resources: [configmaps], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [""], resources: [events], verbs: [create, patch]}
- {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch, create, patch]}
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [get, list, watch, create, patch, delete]}
{{- end }}
