/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Booting, in cloud-init's order: bootcmd (at every boot), then, at the first one, write_files, host
 * keys and login keys; sshd; units that are enabled; runcmd at the first boot, or the startup script:
 * sshd is up before that, with a host key of the machine's own making.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"
#include "simulator/machine/cloudinit.h"
#include "simulator/machine/guest.h"

#define HOST_KEY "etc/ssh/ssh_host_ed25519_key"

static void exec_child(const struct guest *guest, const char *const *argv)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(guest->console, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);

	process_reset();
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 ||
	    chdir(guest->root))
		_exit(126);
	close_range(3, ~0U, 0);
	environ = guest->env;
	/* execvp() changes neither the array nor the strings */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

int guest_exec(const struct guest *guest, const char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		exec_child(guest, argv);
	if (pid < 0)
		return 126;
	while (waitpid(pid, &status, 0) != pid)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void run_script(const struct guest *guest, const char *name, const struct cJSON *list)
{
	struct buf script = BUF_INIT;
	char *sudo = xasprintf("%s/shims/sudo", guest->dir);
	int code;

	if (json_len(list) > 0) {
		cloudinit_script(list, &script);
		code = guest_exec(
			guest, (const char *const[]){ sudo, "/bin/sh", "-c", script.data, NULL });
		if (code)
			console_add(guest->console, "cloud-init: %s ended with %d", name, code);
	}
	buf_release(&script);
	free(sudo);
}

static int write_files(const struct guest *guest, const struct cJSON *list)
{
	int rc = 0;

	for (const struct cJSON *node = json_first(list); node && rc == 0; node = json_next(node)) {
		struct cloudinit_file file;
		char *path;

		cloudinit_file(node, &file);
		path = xasprintf("%s%s", guest->root, file.path);
		rc = guest_write(guest, path, file.content, strlen(file.content), file.mode);
		free(path);
	}
	return rc;
}

static int make_host_key(const struct guest *guest, const char *path)
{
	unlink(path);
	if (guest_exec(guest, (const char *const[]){ KEYGEN_PATH, "-q", "-t", "ed25519", "-N", "",
						     "-C", guest->order.id, "-f", path, NULL })) {
		console_add(guest->console, "cloud-init: cannot make a host key");
		return -1;
	}
	return 0;
}

static int host_key(const struct guest *guest, const struct cloudinit *cloudinit)
{
	char *path = xasprintf("%s/%s", guest->root, HOST_KEY);
	char *public = xasprintf("%s.pub", path);
	int rc;

	if (!cloudinit->host_private) {
		rc = make_host_key(guest, path);
	} else {
		rc = guest_write(guest, path, cloudinit->host_private,
				 strlen(cloudinit->host_private), 0600);
		if (rc == 0 && cloudinit->host_public) {
			char *line = xasprintf("%s\n", cloudinit->host_public);

			rc = guest_write(guest, public, line, strlen(line), 0644);
			free(line);
		}
	}
	free(public);
	free(path);
	return rc;
}

static int login_keys(const struct guest *guest, const struct cJSON *list)
{
	struct buf text = BUF_INIT;
	char *path = xasprintf("%s/.ssh/authorized_keys", guest->home);
	int rc;

	if (*guest->public_key)
		buf_addf(&text, "%s\n", guest->public_key);
	for (const struct cJSON *node = json_first(list); node; node = json_next(node))
		buf_addf(&text, "%s\n", json_text(node));
	rc = guest_write(guest, path, text.data, text.len, 0600);
	free(path);
	buf_release(&text);
	return rc;
}

/* As cloud-init's own write-ssh-key-fingerprints does: the marks are what clients look for. */
static void show_host_key(const struct guest *guest)
{
	char *path = xasprintf("%s/%s.pub", guest->root, HOST_KEY);
	struct buf line = BUF_INIT_MAX(4096);
	struct error ignored = ERROR_INIT;

	console_add(guest->console, "ec2: -----BEGIN SSH HOST KEY FINGERPRINTS-----");
	guest_exec(guest, (const char *const[]){ KEYGEN_PATH, "-l", "-f", path, NULL });
	console_add(guest->console, "ec2: -----END SSH HOST KEY FINGERPRINTS-----");
	if (file_read(path, 4000, &line, &ignored) == 0) {
		line.data[strcspn(line.data, "\r\n")] = '\0';
		console_add(guest->console,
			    "-----BEGIN SSH HOST KEY KEYS-----\n%s\n"
			    "-----END SSH HOST KEY KEYS-----",
			    line.data);
	}
	buf_release(&line);
	free(path);
}

static int load_host_key(const struct guest *guest)
{
	char *sudo = xasprintf("%s/shims/sudo", guest->dir);
	int code =
		guest_exec(guest, (const char *const[]){ sudo, "systemctl", "start", "ssh", NULL });

	if (code)
		console_add(guest->console, "[FAILED] Failed to start ssh.service.");
	free(sudo);
	return code ? -1 : 0;
}

static int refuse(const struct guest *guest, const struct error *err)
{
	struct buf text = BUF_INIT;

	text_escape(&text, err->message, strlen(err->message));
	console_add(guest->console,
		    "cloud-init: user-data is refused: %s\n[FAILED] Failed to start "
		    "cloud-init.service: this simulated machine does not boot.",
		    text.data);
	buf_release(&text);
	return 1;
}

int guest_boot_early(struct guest *guest)
{
	struct cloudinit cloudinit = { 0 };
	struct error err = ERROR_INIT;
	struct buf banner = BUF_INIT;
	int rc = 0;

	console_banner(&banner, guest->order.id, guest->order.gpu, guest->order.gpus);
	console_add(guest->console, "%s", banner.data);
	buf_release(&banner);
	if (!guest_has_script(guest->data, guest->order.data_len) &&
	    cloudinit_parse(guest->data, guest->order.data_len, &cloudinit, &err))
		return refuse(guest, &err);
	console_add(guest->console, "cloud-init (simulated): stage 'init'");
	run_script(guest, "bootcmd", cloudinit.bootcmd);
	if (guest->first)
		rc = write_files(guest, cloudinit.write_files) || host_key(guest, &cloudinit) ||
		     login_keys(guest, cloudinit.authorized_keys);
	if (rc == 0)
		rc = load_host_key(guest);
	if (rc == 0)
		show_host_key(guest);
	cloudinit_release(&cloudinit);
	return rc ? 1 : 0;
}

static void run_last(const struct guest *guest)
{
	struct cloudinit cloudinit;
	struct error err = ERROR_INIT;

	if (guest_has_script(guest->data, guest->order.data_len)) {
		guest_run_script(guest);
	} else if (cloudinit_parse(guest->data, guest->order.data_len, &cloudinit, &err) == 0) {
		console_add(guest->console, "cloud-init (simulated): stage 'final'");
		run_script(guest, "runcmd", cloudinit.runcmd);
		cloudinit_release(&cloudinit);
	}
}

int guest_boot_late(struct guest *guest)
{
	char *sudo = xasprintf("%s/shims/sudo", guest->dir);

	console_add(guest->console, "[  OK  ] Started ssh.service - OpenBSD Secure Shell server.");
	guest_exec(guest, (const char *const[]){ sudo, "systemctl", "start-enabled", NULL });
	free(sudo);
	if (guest->first)
		run_last(guest);
	guest_boot_done(guest);
	console_add(guest->console,
		    "cloud-init (simulated): finished\n\n%s login: ", guest->order.id);
	return 0;
}
