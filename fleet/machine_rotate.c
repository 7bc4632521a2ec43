/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seeded host key can be read in the user-data by everybody on the machine and by whoever may
 * describe the instance. At the first login the machine makes itself another one. Several may want
 * that at once: on this computer a lock keeps them apart, and on the machine the key is replaced
 * only while it still is the seeded one, under a lock there.
 */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/rng.h"
#include "fleet/hostkeys.h"
#include "fleet/labels.h"
#include "fleet/machine_internal.h"

#define STEP_MS 30000
#define RANDOM	16

/* One step on the machine, told as `what` where it goes wrong. What it printed is in out. */
static int step(struct machine *machine, const char *what, const struct buf *command,
		struct buf *out, struct error *err)
{
	struct remote_exit ended;

	buf_clear(out);
	if (machine_output(machine, command->data, STEP_MS, out, &ended, err) < 0) {
		/* Without its end the connection itself is in order. */
		if (strcmp(err->code, "NoExitStatus") != 0)
			machine_close(machine);
		return error_prefix(err, "%s", what);
	}
	if (ended.code != 0)
		return error_set(err, ERROR_REMOTE, "%s ended with %d on the machine", what,
				 ended.code);
	return 0;
}

/* The one public key that a step printed. */
static int read_line(struct buf *text, char out[SSH_LINE_MAX], struct error *err)
{
	unsigned char blob[SSH_BLOB_MAX];
	char type[32];
	size_t len;

	text->data[strcspn(text->data, "\r\n")] = '\0';
	if (ssh_public_parse(text->data, type, blob, &len, err) < 0)
		return error_prefix(err, "the machine's new host key");
	if (strcmp(type, "ssh-ed25519") != 0)
		return error_set(err, ERROR_PROTOCOL, "the machine made a key of type '%s'", type);
	return hostkeys_line(text->data, out, err);
}

/* Makes a key beside the one in use. */
static int make_key(struct machine *machine, const char *name, char line[SSH_LINE_MAX],
		    struct error *err)
{
	struct buf command = BUF_INIT, out = BUF_INIT_MAX(SSH_LINE_MAX - 1);

	buf_addf(&command,
		 "sudo -n sh -c '"
		 "ssh-keygen -q -t ed25519 -N \"\" -C \"\" -f /etc/ssh/gpucloud_new_%s && "
		 "cat /etc/ssh/gpucloud_new_%s.pub'",
		 name, name);
	int rc = step(machine, "making a host key", &command, &out, err);
	if (rc == 0)
		rc = read_line(&out, line, err);
	buf_release(&command);
	buf_release(&out);
	return rc;
}

/*
 * Puts it in place if the key there still is `old`, and tells which key is there now; line stays
 * empty where that is not known. sshd is restarted once for a new key, whoever put it there: a
 * service that restarts too often stays down. What an interrupted run of anybody's left is removed
 * once nobody can want it any more.
 */
static int install_key(struct machine *machine, const char *name, const char *old,
		       char line[SSH_LINE_MAX], struct error *err)
{
	struct buf command = BUF_INIT, out = BUF_INIT_MAX(SSH_LINE_MAX - 1);
	struct error ignored = ERROR_INIT;

	buf_addf(
		&command,
		"sudo -n flock -o -w 20 /etc/ssh/.gpucloud_lock sh -c '"
		"k=/etc/ssh/ssh_host_ed25519_key n=/etc/ssh/gpucloud_new_%s due=/etc/ssh/.gpucloud_due; "
		"have() { ssh-keygen -y -P \"\" -f $k | cut -d\" \" -f1,2; }; "
		"if [ \"$(have)\" = \"%s\" ]; then "
		"touch $due && mv -f $n.pub $k.pub && mv -f $n $k || exit 3; "
		"else rm -f $n $n.pub; fi; "
		"find /etc/ssh -maxdepth 1 -name \"gpucloud_new_*\" -mmin +5 -delete; "
		"have; "
		"if [ -e $due ]; then "
		"{ systemctl restart ssh || systemctl restart sshd; } >&2 && rm -f $due || exit 4; fi'",
		name, old);
	line[0] = '\0';
	int rc = step(machine, "replacing the host key", &command, &out, err);
	if (out.len && read_line(&out, line, rc == 0 ? err : &ignored) < 0)
		rc = -1;
	else if (!out.len && rc == 0)
		rc = error_set(err, ERROR_PROTOCOL, "the machine did not tell its host key");
	buf_release(&command);
	buf_release(&out);
	return rc;
}

/*
 * Its public half is recorded here before it is put in place, so that a crash in between leaves two
 * keys that are both ours. Where another computer was faster, the machine tells its key over a
 * connection that the seeded key still vouches for.
 */
static int rotate(struct visit *visit, const struct trust *trust, struct machine *machine,
		  struct error *err)
{
	const struct paths *paths = visit->fleet->paths;
	const char *id = visit->instance->id;
	char old[SSH_LINE_MAX], made[SSH_LINE_MAX], now[SSH_LINE_MAX], name[RANDOM + 1];
	struct error ignored = ERROR_INIT;

	rng_token(visit->fleet->rng, name, RANDOM);
	/* the one it shows stays in the record, however many attempts there were */
	if (hostkeys_line(trust->seed.public_line, old, err) < 0 ||
	    make_key(machine, name, made, err) < 0 || hostkeys_record(paths, id, old, err) < 0 ||
	    hostkeys_record(paths, id, made, err) < 0)
		return -1;
	int rc = install_key(machine, name, old, now, err);
	if (rc == 0 && strcmp(now, old) == 0)
		rc = error_set(err, ERROR_REMOTE, "the machine kept its first host key");
	/* Even where sshd was not restarted: it shows that one the next time. */
	if (now[0] && strcmp(now, made) != 0 && strcmp(now, old) != 0 &&
	    hostkeys_record(paths, id, now, rc == 0 ? err : &ignored) < 0)
		rc = -1;
	return rc;
}

/* The new key was seen to work: no other counts, the tag tells other computers, and the seed has
 * done its work. */
static int settle(struct visit *visit, struct error *err)
{
	struct fleet *fleet = visit->fleet;
	const struct instance *instance = visit->instance;
	char hash[SSH_FINGERPRINT_MAX];

	if (hostkeys_only(fleet->paths, instance->id, visit->seen.host_key, false, err) < 0 ||
	    ssh_public_fingerprint(visit->seen.host_key, hash, err) < 0)
		return -1;
	const struct tag tag = { TAG_HOSTKEY, hash };
	if (strcmp(visit->tag, hash) != 0 && fleet_tag(fleet, instance, &tag, err) < 0)
		return -1;
	hostkeys_forget(fleet->paths, instance->launch_id, NULL);
	return 0;
}

static bool shows_seed(const struct visit *visit, const struct trust *trust)
{
	return trust_same_key(visit->seen.host_key, trust->seed.public_line);
}

/* What is known now, without a new login. */
static int gather_again(struct visit *visit, struct trust *trust, struct error *err)
{
	trust_release(trust);
	return trust_gather(visit, trust, err);
}

static bool still_trusted(const struct visit *visit, const struct trust *trust)
{
	for (size_t i = 0; i < trust->nr_lines; i++)
		if (trust_same_key(visit->seen.host_key, trust->lines[i]))
			return true;
	return false;
}

static int log_in_again(struct visit *visit, struct trust *trust, struct machine *machine,
			struct error *err)
{
	machine_close(machine);
	trust_release(trust);
	if (machine_login(visit, trust, machine, err) < 0)
		return error_prefix(err, "after the host key was replaced");
	return 0;
}

/* Under the lock. */
static int replace(struct visit *visit, struct trust *trust, struct machine *machine,
		   struct error *err)
{
	if (gather_again(visit, trust, err) < 0)
		return -1;
	if (!trust->seeded) /* another one did it while we waited */
		return still_trusted(visit, trust) ? 0 : log_in_again(visit, trust, machine, err);
	if (shows_seed(visit, trust)) {
		if (rotate(visit, trust, machine, err) < 0 ||
		    log_in_again(visit, trust, machine, err) < 0)
			return -1;
		if (shows_seed(visit, trust))
			return error_set(err, ERROR_REMOTE, "sshd still shows the first one");
	}
	if (settle(visit, err) < 0)
		return -1;
	machine->rotated = true;
	return 0;
}

int machine_first_login(struct visit *visit, struct trust *trust, struct machine *machine,
			struct error *err)
{
	const struct paths *paths = visit->fleet->paths;
	const char *launch_id = visit->instance->launch_id;
	struct error why = ERROR_INIT;
	int lock = hostkeys_lock(paths, launch_id, visit->timeout_ms, &why);
	int rc = lock < 0 ? -1 : replace(visit, trust, machine, &why);

	if (lock >= 0)
		hostkeys_unlock(paths, launch_id, lock);
	if (rc == 0)
		return 0;
	if (!machine->remote || why.kind == ERROR_CANCELLED) {
		machine_close(machine);
		*err = why;
		return -1;
	}
	/* No reason to refuse the login: what is shown is recorded, the next login tries again. */
	error_prefix(&why, "the host key could not be replaced");
	machine_note(visit, why.message);
	return 0;
}
