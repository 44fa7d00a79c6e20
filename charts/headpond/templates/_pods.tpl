{{/* What the pods of all components have in common. */}}

{{/* Takes a dict of root and of (the component's values). */}}
{{- define "headpond.placement" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .of.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .of.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Restricted, as Pod Security Standards say it; 10001 is the user of our images. */}}
{{- define "headpond.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "headpond.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Changes with the secrets that values hold, so that pods start anew; those that the chart made never change. */}}
{{- define "headpond.secretsChecksum" -}}
{{- $of := list .Values.apiKey .Values.encryptionKeys .Values.database .Values.redis.auth .Values.externalRedis -}}
{{- $of | toJson | sha256sum | trunc 32 -}}
{{- end -}}

{{/* Volumes and where they are seen: /tmp, since the root is read-only, and what TLS to Redis needs. */}}
{{- define "headpond.volumes" -}}
- name: tmp
  emptyDir: {}
{{- if not .Values.redis.enabled }}
{{- with .Values.externalRedis.tls.caSecret }}
- name: redis-ca
  secret:
    secretName: {{ . }}
{{- end }}
{{- with .Values.externalRedis.tls.clientSecret }}
- name: redis-client
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end -}}

{{- define "headpond.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if not .Values.redis.enabled }}
{{- if .Values.externalRedis.tls.caSecret }}
- name: redis-ca
  mountPath: /etc/headpond/redis-ca
  readOnly: true
{{- end }}
{{- if .Values.externalRedis.tls.clientSecret }}
- name: redis-client
  mountPath: /etc/headpond/redis-client
  readOnly: true
{{- end }}
{{- end }}
{{- end -}}
