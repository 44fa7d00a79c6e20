{{/* The environment: what core/headpond/settings.py reads. */}}

{{/* For every process. */}}
{{- define "headpond.env" -}}
- name: HEADPOND_LOG_LEVEL
  value: {{ .Values.logLevel }}
- name: HEADPOND_LOG_FORMAT
  value: {{ .Values.logFormat }}
- name: HEADPOND_NAMESPACE
  value: {{ .Values.redisNamespace | quote }}
{{- with .Values.apps }}
- name: HEADPOND_APPS
  value: {{ join "," . | quote }}
{{- end }}
{{ include "headpond.env.redis" . }}
{{- end -}}

{{/* For those who run or accept jobs, beside `headpond.env`. */}}
{{- define "headpond.env.jobs" -}}
{{- $keys := .Values.encryptionKeys -}}
{{- if or $keys.value $keys.existingSecret }}
- name: HEADPOND_ENCRYPTION_KEYS
  valueFrom:
    secretKeyRef:
      name: {{ $keys.existingSecret | default (printf "%s-encryption-keys" (include "headpond.fullname" .)) }}
      key: {{ $keys.key }}
{{- end }}
- name: HEADPOND_DATABASE_URL
{{- if or .Values.database.url .Values.database.existingSecret }}
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret | default (printf "%s-database" (include "headpond.fullname" .)) }}
      key: {{ .Values.database.key }}
{{- else }}
  value: {{ printf "sqlite:///%s/headpond.db" "/tmp" }}
{{- end }}
{{- end -}}

{{- define "headpond.env.redis" -}}
{{- $external := .Values.externalRedis -}}
{{- if .Values.redis.enabled -}}
- name: REDIS_HOST
  value: {{ include "headpond.fullname" . }}-redis.{{ .Release.Namespace }}.svc
- name: REDIS_PORT
  value: "6379"
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "headpond.redis.secretName" . }}
      key: {{ .Values.redis.auth.key }}
{{- else if or $external.url $external.password -}}
- name: HEADPOND_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "headpond.fullname" . }}-external-redis
      key: url
{{- else if and $external.existingSecret (not $external.host) (not $external.nodes) -}}
- name: HEADPOND_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ $external.existingSecret }}
      key: {{ $external.urlKey }}
{{- else if $external.existingSecret -}}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $external.existingSecret }}
      key: {{ $external.passwordKey }}
{{- if eq (include "headpond.externalRedis.isPlain" .) "true" }}
- name: REDIS_HOST
  value: {{ $external.host | quote }}
- name: REDIS_PORT
  value: {{ $external.port | quote }}
- name: REDIS_DB
  value: {{ $external.database | quote }}
{{- else }}
- name: HEADPOND_REDIS_URL
  value: {{ include "headpond.externalRedis.url" (dict "root" . "password" "$(REDIS_PASSWORD)") | quote }}
{{- end }}
{{- else -}}
- name: HEADPOND_REDIS_URL
  value: {{ include "headpond.externalRedis.url" (dict "root" . "password" "") | quote }}
{{- end }}
{{- end -}}

{{- define "headpond.redis.secretName" -}}
{{- .Values.redis.auth.existingSecret | default (printf "%s-redis" (include "headpond.fullname" .)) -}}
{{- end -}}

{{/* Whether REDIS_HOST and its like can say it all; then a password may hold any character. */}}
{{- define "headpond.externalRedis.isPlain" -}}
{{- with .Values.externalRedis -}}
{{- and (eq .mode "single") (not .username) (not .tls.enabled) (not .options) -}}
{{- end -}}
{{- end -}}

{{/* As in a URL: what isn't a letter, a digit or one of -._~ in percent. */}}
{{- define "headpond.percent" -}}
{{- . | toString | urlquery | replace "+" "%20" -}}
{{- end -}}

{{/* The address made of its parts. Takes a dict of root and password (in percent already). */}}
{{- define "headpond.externalRedis.url" -}}
{{- $password := .password -}}
{{- with .root.Values.externalRedis -}}
{{- $kind := eq .mode "single" | ternary "" (printf "+%s" .mode) -}}
{{- $login := "" -}}
{{- if or .username $password -}}
{{- $login = printf "%s:%s@" (include "headpond.percent" .username) $password -}}
{{- end -}}
{{- $hosts := join "," .nodes | default (printf "%s:%d" .host (int .port)) -}}
{{- $options := list -}}
{{- with .master -}}
{{- $options = append $options (printf "master=%s" (include "headpond.percent" .)) -}}
{{- end -}}
{{- if .tls.caSecret -}}
{{- $options = append $options (printf "ssl_ca_certs=/etc/headpond/redis-ca/%s" .tls.caKey) -}}
{{- end -}}
{{- if .tls.clientSecret -}}
{{- $options = append $options "ssl_certfile=/etc/headpond/redis-client/tls.crt" -}}
{{- $options = append $options "ssl_keyfile=/etc/headpond/redis-client/tls.key" -}}
{{- end -}}
{{- range $name, $value := .options -}}
{{- $options = append $options (printf "%s=%s" $name (include "headpond.percent" $value)) -}}
{{- end -}}
{{- $query := empty $options | ternary "" (printf "?%s" (join "&" $options)) -}}
{{- printf "%s%s://%s%s/%d%s" (ternary "rediss" "redis" .tls.enabled) $kind $login $hosts (int .database) $query -}}
{{- end -}}
{{- end -}}

{{- define "headpond.apiKey.secretName" -}}
{{- .Values.apiKey.existingSecret | default (printf "%s-api-key" (include "headpond.fullname" .)) -}}
{{- end -}}
