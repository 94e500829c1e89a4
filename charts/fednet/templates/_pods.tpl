{{/* Parts of pods, so that each of them is allowed in a namespace that enforces PodSecurity "restricted". */}}

{{/* The security of a pod. Takes the number of its user. */}}
{{- define "fednet.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false  # they would be taken for settings: a service fednet-controller gives FEDNET_CONTROLLER_PORT
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "fednet.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* The place of a pod in the cluster. Takes the values of its component. */}}
{{- define "fednet.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "fednet.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The image of a component. Takes (list . "controller"). */}}
{{- define "fednet.image" -}}
image: {{ include "fednet.imageName" . }}
imagePullPolicy: {{ (index . 0).Values.images.pullPolicy }}
{{ include "fednet.containerSecurity" . }}
{{- end }}

{{/* The image of a component and its command. Takes (list . "controller"). */}}
{{- define "fednet.program" -}}
{{- $root := index . 0 -}}
{{ include "fednet.image" . }}
command: [fednet, {{ index . 1 }}, start]
args:
  - --log-level={{ $root.Values.log.level }}
  {{- if $root.Values.log.json }}
  - --log-json
  {{- end }}
{{- end }}

{{- define "fednet.podName" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- end }}

{{/* The settings that the values give a component, as variables. Takes (list "controller" SETTINGS). */}}
{{- define "fednet.settings" -}}
{{- $component := index . 0 -}}
{{- range $name, $value := index . 1 }}
- name: FEDNET_{{ $component | upper }}_{{ $name | upper }}
  value: {{ include "fednet.number" $value | quote }}
{{- end }}
{{- end }}

{{/* The time in which a process ends its work, as a variable. Takes (list . "controller"). */}}
{{- define "fednet.draining" -}}
- name: FEDNET_{{ index . 1 | upper }}_DRAIN_SECONDS
  value: {{ (index . 0).Values.drainSeconds | quote }}
{{- end }}

{{/* The patience of Kubernetes: the pause before a process is told to stop, its work, and some seconds to end. */}}
{{- define "fednet.graceSeconds" -}}
{{ add 5 .Values.drainSeconds 10 }}
{{- end }}

{{/* The port of health pages and metrics, as variables of a combiner or client. Takes "combiner". */}}
{{- define "fednet.monitoring" -}}
- name: FEDNET_{{ . | upper }}_MONITORING_HOST
  value: 0.0.0.0
- name: FEDNET_{{ . | upper }}_MONITORING_PORT
  value: "9464"
{{- end }}

{{/* The probes of a component. Takes the port and the scheme of its health pages. */}}
{{- define "fednet.probes" -}}
startupProbe:
  httpGet: {path: /health/live, port: {{ index . 0 }}, scheme: {{ index . 1 }}}
  periodSeconds: 2
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /health/live, port: {{ index . 0 }}, scheme: {{ index . 1 }}}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /health/ready, port: {{ index . 0 }}, scheme: {{ index . 1 }}}
  timeoutSeconds: 5
{{- end }}

{{/* A value as text; Helm reads whole numbers as floats, and would write large ones as 1e+06. */}}
{{- define "fednet.number" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* The certificate of a server, and the authorities that it trusts, as variables. Takes (list . "controller"). */}}
{{- define "fednet.serverTLS" -}}
{{- $prefix := printf "FEDNET_%s" (index . 1 | upper) -}}
{{- if eq (index . 0).Values.tls.source "none" -}}
- name: {{ $prefix }}_INSECURE
  value: "true"
{{- else -}}
- name: {{ $prefix }}_TLS_CERTIFICATE
  value: /run/fednet/tls/tls.crt
- name: {{ $prefix }}_TLS_KEY
  value: /run/fednet/tls/tls.key
{{ include "fednet.callerTLS" . }}
{{- end }}
{{- end }}

{{- define "fednet.callerTLS" -}}
{{- if ne (index . 0).Values.tls.source "none" -}}
- name: FEDNET_{{ index . 1 | upper }}_CA
  value: /run/fednet/authorities/ca.crt
{{- end }}
{{- end }}

{{/* The mounts of a component's certificate and authorities. Takes (list . "controller"). */}}
{{- define "fednet.tlsMounts" -}}
{{- if ne (index . 0).Values.tls.source "none" }}
{{- if ne (index . 1) "client" }}
- {name: tls, mountPath: /run/fednet/tls, readOnly: true}
{{- end }}
{{- if ne (index . 1) "objects" }}
- {name: authorities, mountPath: /run/fednet/authorities, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "fednet.tlsVolumes" -}}
{{- $root := index . 0 -}}
{{- if ne $root.Values.tls.source "none" }}
{{- if ne (index . 1) "client" }}
- name: tls
  secret:
    secretName: {{ include "fednet.certificateSecret" . }}
    defaultMode: 0440
    items:
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
{{- end }}
{{- if ne (index . 1) "objects" }}
- name: authorities
  {{- if $root.Values.tls.authorities }}
  configMap:
    name: {{ $root.Values.tls.authorities }}
    items: [{key: ca.crt, path: ca.crt}]
  {{- else }}
  secret:
    secretName: {{ include "fednet.certificateSecret" (list $root "controller") }}
    defaultMode: 0440
    items: [{key: ca.crt, path: ca.crt}]
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The blob store as variables of a controller or a combiner. Takes (list . "controller"). */}}
{{- define "fednet.blobStore" -}}
{{- $prefix := printf "FEDNET_%s_BLOB_STORE" (index . 1 | upper) -}}
- name: {{ $prefix }}
  value: {{ include "fednet.blobStoreUrl" (index . 0) | quote }}
- name: {{ $prefix }}_KEY_FILE
  value: /run/fednet/blob-store/key
- name: {{ $prefix }}_SECRET_FILE
  value: /run/fednet/blob-store/secret
{{- end }}

{{- define "fednet.blobStoreVolume" -}}
- name: blob-store
  secret:
    secretName: {{ include "fednet.blobStoreSecret" . }}
    defaultMode: 0440
    items:
      - {key: key, path: key}
      - {key: secret, path: secret}
{{- end }}

{{/* The enrolment of a combiner or client: a token that the signing key makes, in a container that ends before the
     agent begins, so that the agent never sees the key. Takes (list . "combiner" NAME). */}}
{{- define "fednet.enrolling" -}}
- name: enrol
  {{- include "fednet.image" . | nindent 2 }}
  command: [fednet, token, create]
  args:
    - --role={{ index . 1 }}
    - --name={{ index . 2 }}
    - --days=1
    - --data-dir=/run/fednet/signing
    - --output=/run/fednet/enrolment/token
  env: {{- include "fednet.podName" . | nindent 4 }}
  resources:
    requests: {cpu: 50m, memory: 64Mi}
    limits: {memory: 128Mi}
  volumeMounts:
    - {name: signing-key, mountPath: /run/fednet/signing, readOnly: true}
    - {name: enrolment, mountPath: /run/fednet/enrolment}
{{- end }}

{{- define "fednet.enrollingVolumes" -}}
{{ include "fednet.signingKeyVolume" . }}
- name: enrolment
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}

{{- define "fednet.signingKeyVolume" -}}
- name: signing-key
  secret:
    secretName: {{ include "fednet.signingKeySecret" . }}
    defaultMode: 0440
    items: [{key: signing.key, path: signing.key}]
{{- end }}

{{/* A claim for a volume of one pod. Takes (dict "storage" SIZE "storageClass" NAME). */}}
{{- define "fednet.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .storageClass }}
storageClassName: {{ . }}
{{- end }}
resources: {requests: {storage: {{ .storage }}}}
{{- end }}
