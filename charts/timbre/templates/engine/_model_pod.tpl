{{/* The pod that gets and converts the model, once. */}}
{{- define "timbre.modelPod" -}}
metadata:
  labels: {{- include "timbre.podLabels" (list . "model") | nindent 4 }}
spec:
  restartPolicy: OnFailure
  automountServiceAccountToken: false
  enableServiceLinks: false # their variables would be read as settings
  securityContext: {{- include "timbre.podSecurity" . | nindent 4 }}
  {{- with include "timbre.imagePullSecrets" . }}{{ . | nindent 2 }}{{ end }}
  {{- with include "timbre.placement" .Values.model.pull }}{{ . | nindent 2 }}{{ end }}
  containers:
    - name: model
      image: {{ include "timbre.image" (list . .Values.engine.image) }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      # A model that is there stays as it is; a transfer that broke off goes on where it stopped.
      command: [sh, -ec]
      args:
        - |-
          if [ -e "$MODEL/model.json" ]; then
            echo "$MODEL is there"
          else
            timbre-engine pull "$CHECKPOINT" /scratch/checkpoint
            timbre-engine convert /scratch/checkpoint "$MODEL" --quant "$QUANTISATION"
          fi
      env:
        - {name: CHECKPOINT, value: {{ printf "%s@%s" .Values.model.pull.repository .Values.model.pull.revision | quote }}}
        - {name: QUANTISATION, value: {{ .Values.model.pull.quantisation }}}
        - {name: MODEL, value: {{ printf "/models/%s" (include "timbre.modelPath" .) | quote }}}
        - {name: HF_HOME, value: /scratch/home}
        {{- with .Values.model.pull.endpoint }}
        - {name: HF_ENDPOINT, value: {{ . | quote }}}
        {{- end }}
        {{- with .Values.model.pull.tokenSecret }}
        - name: HF_TOKEN
          valueFrom:
            secretKeyRef: {name: {{ . }}, key: token}
        {{- end }}
      securityContext: {{- include "timbre.containerSecurity" . | nindent 8 }}
      resources: {{- toYaml .Values.model.pull.resources | nindent 8 }}
      volumeMounts:
        - {name: models, mountPath: /models}
        - {name: scratch, mountPath: /scratch}
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: models
      persistentVolumeClaim: {claimName: {{ include "timbre.claim" . }}}
    - name: scratch
      emptyDir: {sizeLimit: {{ .Values.model.pull.scratchSize }}}
    - name: tmp
      emptyDir: {}
{{- end }}
