{{/* The prefix of objects' names, at most 40 characters. */}}
{{- define "timbre.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- $joined := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $joined .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Cluster-wide objects bear the namespace too, so that releases in two namespaces may have one name. */}}
{{- define "timbre.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "timbre.fullname" .) }}
{{- end }}

{{/* What a component's objects are found by: (list $ "bridge"). */}}
{{- define "timbre.selector" -}}
app.kubernetes.io/name: timbre-{{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{/* Labels of a component's objects: (list $ "bridge"). */}}
{{- define "timbre.labels" -}}
{{ include "timbre.selector" . }}
app.kubernetes.io/part-of: timbre
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of a component's pods: they do not change with the chart's version, so that it alone rolls nothing. */}}
{{- define "timbre.podLabels" -}}
{{ include "timbre.selector" . }}
app.kubernetes.io/part-of: timbre
{{- end }}

{{/* An image: (list $ .Values.bridge.image). */}}
{{- define "timbre.image" -}}
{{- $root := index . 0 }}{{ $image := index . 1 -}}
{{- printf "%s/%s:%s" $root.Values.image.registry $image.repository (default $root.Chart.AppVersion $image.tag) }}
{{- end }}

{{/* The security context of a pod, as Pod Security `restricted` has it. */}}
{{- define "timbre.podSecurity" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- range $key, $value := .Values.securityContext }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }}: {{ int64 $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* That of a container. */}}
{{- define "timbre.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where a component's pods run: its section of the values. */}}
{{- define "timbre.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "timbre.imagePullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The Secret that holds the URL of Redis, and its key, as a secretKeyRef. */}}
{{- define "timbre.redisRef" -}}
{{- if .Values.redis.existingSecret -}}
{name: {{ .Values.redis.existingSecret }}, key: {{ .Values.redis.key }}}
{{- else -}}
{name: {{ include "timbre.fullname" . }}-valkey, key: url}
{{- end }}
{{- end }}

{{/* The volume with the authority of Redis' certificate; nothing where none is named. */}}
{{- define "timbre.redisAuthority" -}}
{{- with .Values.redis.caConfigMap -}}
{name: redis-ca, configMap: {name: {{ . }}}}
{{- end }}
{{- with .Values.redis.caSecret -}}
{name: redis-ca, secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}}
{{- end }}
{{- end }}

{{/* The Secret that signs listeners' tokens. */}}
{{- define "timbre.tokenSecret" -}}
{{- default (printf "%s-bridge-token" (include "timbre.fullname" .)) .Values.bridge.token.existingSecret }}
{{- end }}

{{/* What a Secret of this release holds under a key already, else a new random text: (list $ name key). */}}
{{- define "timbre.keptSecret" -}}
{{- $root := index . 0 }}
{{- $there := lookup "v1" "Secret" $root.Release.Namespace (index . 1) }}
{{- with dig "data" (index . 2) "" (default dict $there) -}}
{{ b64dec . }}
{{- else -}}
{{ randAlphaNum 48 }}
{{- end }}
{{- end }}

{{/* The claim that holds the model, and the model's folder in it. */}}
{{- define "timbre.claim" -}}
{{- default (printf "%s-model" (include "timbre.fullname" .)) .Values.model.claim.existing }}
{{- end }}
{{- define "timbre.modelPath" -}}
{{- with .Values.model.pull }}
{{- printf "%s-%s-%s" (base .repository) .revision .quantisation | replace "/" "-" }}
{{- end }}
{{- end }}
