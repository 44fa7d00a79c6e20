{{/* How the release's own Redis or Valkey runs. Every line is understood by Redis 6.2 to 8 and by Valkey. */}}
{{- define "headpond.redis.config" -}}
port 6379
bind * -::*
dir /data
# The password is added by the container's command; no file of the image or the cluster's configuration holds it.
protected-mode yes
# Jobs are not a cache: a full Redis refuses new ones and forgets none.
maxmemory {{ .Values.redis.maxMemory }}
maxmemory-policy noeviction
{{- if .Values.redis.persistence.enabled }}
# What was acknowledged is on the disk within a second.
appendonly yes
appendfsync everysec
aof-use-rdb-preamble yes
{{- else }}
appendonly no
{{- end }}
save ""
tcp-keepalive 60
timeout 0
{{- with .Values.redis.config }}
{{ . | trim }}
{{- end }}
{{- end -}}

{{/* Redis or Valkey, whichever the image has; the password goes by a file of mode 600, never by a command line. */}}
{{- define "headpond.redis.start" -}}
umask 077
quoted="$(printf '%s' "$REDIS_PASSWORD" | sed 's/[\\"]/\\&/g')"
printf 'include /etc/redis/redis.conf\nrequirepass "%s"\n' "$quoted" > /run/redis/redis.conf
unset REDIS_PASSWORD quoted
exec "$(command -v valkey-server || command -v redis-server)" /run/redis/redis.conf
{{- end -}}

{{/* Takes the answers that count. The password goes by the environment, never by a command line. */}}
{{- define "headpond.redis.ping" -}}
REDISCLI_AUTH="$REDIS_PASSWORD" VALKEYCLI_AUTH="$REDIS_PASSWORD" "$(command -v valkey-cli || command -v redis-cli)" ping | grep -Eq '{{ . }}'
{{- end -}}
