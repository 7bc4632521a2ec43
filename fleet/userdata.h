/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine is told at boot; ASCII only. For cloud-init: "#cloud-config\n" and one JSON object
 * on one line (JSON is YAML), made by cJSON, so that nothing in it can be misread. These keys, in
 * this order, and no others (https://cloudinit.readthedocs.io/en/latest/reference/modules.html):
 *
 *   "ssh_authorized_keys": ["TYPE BASE64 gpucloud"]            where there is a login key
 *   "ssh_deletekeys": true, "ssh_keys":                        where there is a host key
 *     {"ed25519_private": PEM, "ed25519_public": "ssh-ed25519 BASE64"}
 *   "write_files": [{"path","owner","permissions","content"}]  where there is a time limit:
 *     /usr/local/lib/gpucloud/ttl                0755  fleet/machine/ttl.sh
 *     /var/lib/gpucloud/ttl-left                 0644  "SECONDS\n"
 *     /etc/systemd/system/gpucloud-ttl.service   0644  fleet/machine/gpucloud-ttl.service
 *   "bootcmd": [["systemd-run","--no-block","--unit=gpucloud-ttl-arm",
 *     "--property=DefaultDependencies=no","--property=Restart=on-failure",
 *     "--property=RestartSec=5","--property=StartLimitIntervalSec=3600",
 *     "--property=StartLimitBurst=60","systemctl","enable","--now","gpucloud-ttl.service"]]
 *   "runcmd": [["systemctl","enable","--now","gpucloud-ttl.service"]]
 *
 * All files belong to root:root; the unit runs "/bin/sh /usr/local/lib/gpucloud/ttl SECONDS".
 * cloud-init runs bootcmd (at every boot) just before write_files, both before sshd starts, and
 * runcmd (once) at the very end, after multi-user.target. So the one bootcmd hands systemd a job of
 * its own that tries until the unit is there, 60 times: the limit is armed within seconds even
 * where the rest of the boot hangs. runcmd does the same once more, for a systemd without such jobs.
 *
 * A cloud without cloud-init runs a shell script of ours instead, as root (fleet/machine/startup.sh,
 * marked by USERDATA_SCRIPT_MARK in its second line): the limit's same files, armed; then the login
 * key of one user; then the host key, after which sshd is told. The parts do not depend on each
 * other. Each is done once for a launch, however often the script runs, so that what was changed
 * afterwards stays, and a disk that is copied is another launch's:
 *
 *   /var/lib/gpucloud/startup-{limit,host-key,login}   the launch that had it done
 *   /var/lib/gpucloud/booted                           "LAUNCH\n", or "LAUNCH failed: PART ...\n"
 *   /var/log/gpucloud-startup.log                      what went wrong
 *
 * sshd is up before it: until the script has run a machine shows the image's own host key.
 *
 * The seeded host key is the only secret, and it is rotated at the first login. A startup script
 * stays in the account until it is deleted, for everybody who may read there: the key in it is
 * worth something for the minutes until that login, and nothing once it is rotated.
 */
#ifndef GPUCLOUD_FLEET_USERDATA_H
#define GPUCLOUD_FLEET_USERDATA_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct error;
struct ssh_key;

#define USERDATA_TTL_MIN_S INT64_C(60)
#define USERDATA_TTL_MAX_S (INT64_C(366) * 86400)

#define USERDATA_SCRIPT_MARK "# gpucloud startup script 1"

enum userdata_form {
	USERDATA_CLOUD_INIT,
	USERDATA_SCRIPT,
};

struct userdata {
	enum userdata_form form;
	const char *login; /* of a script: whose the login key is, "paperspace"; [a-z0-9_-], at most
			    * 32, no digit or '-' first. cloud-init knows its default user */
	const char *login_key;		/* public line; NULL: none. Its comment is not handed on */
	const struct ssh_key *host_key; /* NULL: the machine makes its own */
	int64_t ttl_s;			/* the bounds above; 0: no limit is armed */
};

/*
 * The time limit on the machine: /usr/local/lib/gpucloud/ttl (sh, no dependency but coreutils and
 * util-linux) run by gpucloud-ttl.service, Restart=always, not stopped by a shutdown. It counts the
 * seconds the machine is up (/proc/uptime: no clock change moves it) from boot, not from its own
 * start. Files, each of one line, replaced by rename:
 *
 *   /var/lib/gpucloud/ttl-left   "SECONDS\n" left, saved every 20 s: a reboot goes on counting
 *   /run/gpucloud/ttl-seen       "UPTIME LEFT SAVED\n", as of the last round and what ttl-left then
 *                                held ("-": nothing): so a kill loses no time, until the next boot
 *
 * It warns logged-in users by wall 5 minutes before, and ends in "shutdown -h now", again every
 * 30 s, after ten of them "poweroff -f". Root renews it by writing a whole number of seconds to
 * ttl-left (seen within 20 s; more than 366 days are 366). A machine booted with 0 left has 5 min.
 * For tests: GPUCLOUD_TTL_ROOT is put before every path it uses (and the startup script),
 * GPUCLOUD_TTL_STEP and GPUCLOUD_TTL_RETRY are seconds instead of the 20 and 30.
 *
 * max: the cloud's limit of raw bytes (EC2: 16384). Over it, or a ttl out of bounds: ERROR_USAGE; a
 * key that is none, or a script for no login: ERROR_CONFIG. The same input makes the same bytes.
 * Where there is a host key, what is added to out is secret: buf_wipe it.
 */
int userdata_make(const struct userdata *userdata, size_t max, struct buf *out, struct error *err);

#endif
