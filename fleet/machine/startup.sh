#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a new machine is told where the cloud knows no cloud-init and runs a script, as root. That may be at every
# boot: each part is done once for a launch, so that what was changed afterwards stays as it is. The host key in
# here is replaced at the first login and must never come back. fleet/userdata_script.c fills in the words in @.
set -u
umask 077
PATH=${PATH:+$PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

launch='@LAUNCH@'
login='@LOGIN@'
login_key='@LOGIN_KEY@'
host_key='@HOST_KEY@'
ttl='@TTL@'

root=${GPUCLOUD_TTL_ROOT:-}
retry=${GPUCLOUD_TTL_RETRY:-5}
state=$root/var/lib/gpucloud
log=$root/var/log/gpucloud-startup.log
unit=$root/etc/systemd/system/gpucloud-ttl.service
failed=''

say() {
	echo "$(date -u +%Y-%m-%dT%H:%M:%SZ) $*"
}

# folder PATH: others may look into it.
folder() (
	umask 022
	mkdir -p "$1"
)

# put FILE MODE: what comes by standard input; all of it or nothing.
put() {
	rm -f "$1.new"
	cat >"$1.new" && chmod "$2" "$1.new" && sync "$1.new" && mv -f "$1.new" "$1"
}

# was_done PART: for this launch. A disk may be another one's, copied.
was_done() {
	word=''
	{ read -r word <"$state/startup-$1"; } 2>/dev/null
	[ "$word" = "$launch" ]
}

remember() {
	echo "$launch" | put "$state/startup-$1" 0644
}

# The unit is written last: once systemd can see it, all it needs is there.
write_limit() {
	folder "$root/usr/local/lib/gpucloud" && folder "${unit%/*}" || return 1
	put "$root/usr/local/lib/gpucloud/ttl" 0755 <<'GPUCLOUD-END-OF-TTL' || return 1
@TTL_SCRIPT@
GPUCLOUD-END-OF-TTL
	echo "$ttl" | put "$state/ttl-left" 0644 || return 1
	put "$unit" 0644 <<'GPUCLOUD-END-OF-UNIT' || return 1
@TTL_UNIT@
GPUCLOUD-END-OF-UNIT
	remember limit
}

# Where systemd is not ready for it yet, a job of its own tries until it is. A unit that is gone was removed by
# whoever wants no limit.
limit() {
	written=0
	[ "$ttl" ] || return 0
	was_done limit || write_limit || written=1
	if [ -e "$unit" ]; then
		timeout 60 systemctl daemon-reload
		timeout 60 @ENABLE@ ||
			timeout 60 @ARM@ || return 1
	fi
	return "$written"
}

# That it is done must be sure before sshd shows the key: a rename needs no room on the disk.
write_host_key() {
	folder "$root/etc/ssh" && echo "$launch" >"$state/startup-host-key.new" || return 1
	echo "$host_key" | put "$root/etc/ssh/ssh_host_ed25519_key.pub" 0644 || return 1
	put "$root/etc/ssh/ssh_host_ed25519_key" 0600 <<'GPUCLOUD-END-OF-KEY' || return 1
@HOST_PRIVATE@
GPUCLOUD-END-OF-KEY
	# What the image brought, or another machine of the same image has, must not be served.
	for one in "$root"/etc/ssh/ssh_host_*key*; do
		case ${one##*/} in
		ssh_host_ed25519_key | ssh_host_ed25519_key.pub) ;;
		*) rm -f "$one" || return 1 ;;
		esac
	done
	mv -f "$state/startup-host-key.new" "$state/startup-host-key"
}

# An sshd that is not up, or that systemd starts when somebody connects, reads the key then.
host_key() {
	[ "$host_key" ] || return 0
	! was_done host-key || return 0
	write_host_key || return 1
	timeout 60 systemctl try-restart ssh.service || timeout 60 systemctl try-restart sshd.service
}

# find_login: sets $uid, $gid, $home. The image may be about to make the user.
find_login() {
	tries=12
	while ! entry=$(getent passwd "$login"); do
		tries=$((tries - 1))
		if [ "$tries" -eq 0 ]; then
			say "there is no user '$login'"
			return 1
		fi
		sleep "$retry"
	done
	IFS=: read -r _ _ uid gid _ home _ <<-.
		$entry
	.
	home=$root${home#"$root"}
	[ -d "$home" ] || say "'$login' has no folder '$home'"
	[ -d "$home" ]
}

# has_line FILE LINE
has_line() {
	while IFS= read -r line || [ "$line" ]; do
		[ "$line" != "$2" ] || return 0
	done <"$1"
	return 1
} 2>/dev/null

login() {
	[ "$login_key" ] || return 0
	! was_done login || return 0
	find_login || return 1
	keys=$home/.ssh/authorized_keys
	mkdir -p "$home/.ssh" && chown "$uid:$gid" "$home/.ssh" && chmod 0700 "$home/.ssh" || return 1
	if ! has_line "$keys" "$login_key"; then
		# The last line of what is there may have no end.
		[ ! -s "$keys" ] || [ -z "$(tail -c 1 "$keys")" ] || echo >>"$keys" || return 1
		echo "$login_key" >>"$keys" || return 1
	fi
	chown "$uid:$gid" "$keys" && chmod 0600 "$keys" && remember login
}

main() {
	folder "${log%/*}"
	if true >>"$log"; then exec >>"$log" 2>&1; fi
	folder "$state"
	# The limit comes first, and nothing that goes wrong keeps the rest from being done. Whoever sees our host
	# key logs in at once: it comes last.
	for part in limit login host_key; do
		"$part" && continue
		say "$part failed"
		failed="$failed $part"
	done
	say "done${failed:+, but for:$failed}"
	echo "$launch${failed:+ failed:$failed}" | put "$state/booted" 0644 && [ -z "$failed" ]
}

main </dev/null
