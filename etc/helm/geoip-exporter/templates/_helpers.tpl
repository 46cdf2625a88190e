{{- define "geoip.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "geoip.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "geoip.labels" -}}
{{ include "geoip.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- /* The metadata of an object: a list of the context, a suffix of the name and more labels. */ -}}
{{- define "geoip.metadata" -}}
{{- $context := index . 0 -}}
metadata:
  name: {{ include "geoip.name" $context }}{{ index . 1 }}
  namespace: {{ $context.Release.Namespace }}
  labels:
    {{- include "geoip.labels" $context | nindent 4 }}
    {{- with index . 2 }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
