{{/* The namespaces that the operator watches, separated by spaces; empty: all. */}}
{{- define "timbre.namespaces" -}}
{{- if not .Values.operator.clusterWide }}
{{- default (list .Release.Namespace) .Values.operator.namespaces | uniq | join " " }}
{{- end }}
{{- end }}

{{/* Rights in the operator's own namespace: the Lease. */}}
{{- define "timbre.operatorOwnRules" -}}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create, get, update]}
{{- end }}

{{/* Rights in each watched namespace. */}}
{{- define "timbre.operatorRules" -}}
- {apiGroups: [timbre.dev], resources: [speechengines, voiceprofiles], verbs: [get, list, watch]}
- {apiGroups: [timbre.dev], resources: [speechengines/status, voiceprofiles/status], verbs: [patch]}
- {apiGroups: [apps], resources: [deployments], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [""], resources: [services, serviceaccounts, configmaps, secrets], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [keda.sh], resources: [scaledobjects], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [""], resources: [pods, persistentvolumeclaims], verbs: [get, list, watch]}
- {apiGroups: [events.k8s.io], resources: [events], verbs: [create, patch]}
{{- end }}
