# SPDX-License-Identifier: Apache-2.0
# Sourced by the shims: the machine, and what stands for "/" on it.
shims=${0%/*}
. "${shims%/*}/machine.sh"

# mapped TEXT: TEXT with the absolute paths of a machine's own folders put below its root, and the
# commands that are shims taken from their folder, however they are named; then a dot, so that $( )
# keeps the newlines at the end. Twice, as two paths may share the blank between them.
mapped() {
	map="s#(^|[^A-Za-z0-9_./@~-])/(etc|var|usr/local|root|opt|srv|home|run|boot)(/|[^A-Za-z0-9_.-]|\$)#\\1$ROOT/\\2\\3#g"
	bin="s#(^|[^A-Za-z0-9_./@~-])(/usr)?/s?bin/(shutdown|poweroff|halt|reboot|systemctl|systemd-run|service|wall)([^A-Za-z0-9_./-]|\$)#\\1$MACHINE/shims/\\3\\4#g"
	printf '%s.' "$1" | sed -E -e "$map" -e "$map" -e "$bin" -e "$bin"
}

as_root() {
	[ -n "${GPUCLOUD_SIM_ROOT:-}" ] && return
	echo "${0##*/}: must be root: put sudo before it (simulated machine)" >&2
	exit 1
}

console() {
	printf '%s\n' "$*" >>"$MACHINE/console"
}
