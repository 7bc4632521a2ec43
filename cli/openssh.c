/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/openssh.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/hostkeys.h"
#include "fleet/machine.h"

/* The keys recorded for the instance, under its id: addresses are used again by other machines. */
static int write_known_hosts(struct cli *cli, const struct instance *instance, struct arena *arena,
			     const char **ret)
{
	struct buf text = BUF_INIT_MAX((size_t)64 << 10);
	const char *const *lines;
	size_t nr;
	int rc = hostkeys_known(&cli->paths, instance->id, arena, &lines, &nr, &cli->error);

	if (rc == 0 && nr == 0) {
		error_set(&cli->error, ERROR_CONFIG, "%s has no host key recorded here",
			  instance->id);
		snprintf(cli->error.code, sizeof(cli->error.code), "HostKeyUnknown");
		return -1;
	}
	for (size_t i = 0; rc == 0 && i < nr; i++)
		buf_addf(&text, "%s %s\n", instance->id, lines[i]);
	const char *dir = arena_printf(arena, "%s/known_hosts", cli->paths.data);
	*ret = arena_printf(arena, "%s/%s", dir, instance->id);
	if (rc == 0)
		rc = dir_make(dir, &cli->error);
	if (rc == 0)
		rc = file_write(*ret, text.data, text.len, 0600, &cli->error);
	buf_release(&text);
	return rc;
}

char **openssh_environ(struct arena *arena)
{
	static const char *const names[] = {
		"AWS_ACCESS_KEY_ID=",
		"AWS_SECRET_ACCESS_KEY=",
		"AWS_SESSION_TOKEN=",
		"AWS_SECURITY_TOKEN=",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=",
	};
	extern char **environ;
	size_t all = 0, nr = 0;

	while (environ[all])
		all++;
	char **ret = arena_alloc(arena, (all + 1) * sizeof(*ret));
	for (size_t i = 0; i < all; i++) {
		bool secret = false;

		for (size_t j = 0; j < ARRAY_SIZE(names); j++)
			secret = secret || text_starts_with(environ[i], names[j]);
		if (!secret)
			ret[nr++] = environ[i];
	}
	ret[nr] = NULL;
	return ret;
}

/*
 * "KEY=PATH" as OpenSSH reads an option: quoted, for it splits at blanks; each sign doubled that
 * would stand for something else. A "${" cannot be written at all.
 */
static int path_option(struct arena *arena, const char *key, const char *path, const char **ret,
		       struct error *err)
{
	struct buf text = BUF_INIT;

	if (strstr(path, "${") || strpbrk(path, "\r\n"))
		return error_set(err, ERROR_CONFIG, "OpenSSH cannot be told of the file '%s'",
				 path);
	buf_addf(&text, "%s=\"", key);
	for (const char *p = path; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addch(&text, '\\');
		else if (*p == '%')
			buf_addch(&text, '%');
		buf_addch(&text, *p);
	}
	buf_addch(&text, '"');
	*ret = arena_strdup(arena, text.data);
	buf_release(&text);
	return 0;
}

/* What both forms are made of. */
struct facts {
	const char *user, *known, *key;
	uint16_t port;
};

static int gather(struct cli *cli, const struct instance *instance, struct arena *arena,
		  struct facts *ret)
{
	const char *user = settings_get(cli->settings, "ssh_user");

	ret->user = user ? user : provider_find(instance->provider)->login;
	ret->key = arena_printf(arena, "%s/id_ed25519", cli->paths.data);
	if (!instance->public_ip[0])
		return error_set(&cli->error, ERROR_NETWORK, "%s has no public address",
				 instance->id);
	if (machine_port(cli->settings, &ret->port, &cli->error) < 0)
		return -1;
	return write_known_hosts(cli, instance, arena, &ret->known);
}

int openssh_args(struct cli *cli, const struct instance *instance, bool by_agent, size_t more,
		 struct arena *arena, char ***ret, size_t *ret_nr)
{
	const char *known_option, *key_option;
	struct facts facts;

	if (gather(cli, instance, arena, &facts) < 0 ||
	    path_option(arena, "UserKnownHostsFile", facts.known, &known_option, &cli->error) < 0 ||
	    path_option(arena, "IdentityFile", facts.key, &key_option, &cli->error) < 0)
		return -1;
	const char *fixed[] = {
		"ssh",
		"-F",
		"none",
		"-p",
		arena_printf(arena, "%u", facts.port),
		"-o",
		key_option,
		"-o",
		/* sshd hangs up after six keys: an agent may hold more, and ours comes last */
		by_agent ? "IdentitiesOnly=no" : "IdentitiesOnly=yes",
		"-o",
		known_option,
		"-o",
		"GlobalKnownHostsFile=none",
		"-o",
		"StrictHostKeyChecking=yes",
		"-o",
		arena_printf(arena, "HostKeyAlias=%s", instance->id),
		"-o",
		"HostKeyAlgorithms=ssh-ed25519",
		"-o",
		"ForwardAgent=no",
		"-o",
		"ServerAliveInterval=30",
		arena_printf(arena, "%s@%s", facts.user, instance->public_ip),
	};
	size_t nr = ARRAY_SIZE(fixed);
	char **args = arena_alloc(arena, (nr + more + 1) * sizeof(*args));
	for (size_t i = 0; i < nr; i++)
		args[i] = arena_strdup(arena, fixed[i]);
	for (size_t i = nr; i <= nr + more; i++)
		args[i] = NULL;
	*ret = args;
	*ret_nr = nr;
	return 0;
}

int openssh_block(struct cli *cli, const struct instance *instance, struct arena *arena,
		  const char **ret)
{
	const char *known_option, *key_option;
	struct facts facts;

	if (gather(cli, instance, arena, &facts) < 0 ||
	    path_option(arena, "UserKnownHostsFile", facts.known, &known_option, &cli->error) < 0 ||
	    path_option(arena, "IdentityFile", facts.key, &key_option, &cli->error) < 0)
		return -1;
	/* Of others' names only labels may become part of a config file. */
	const char *name = text_is_label(instance->name) ? instance->name : "";
	*ret = arena_printf(arena,
			    "Host %s%s%s\n"
			    "\tHostName %s\n\tPort %u\n\tUser %s\n"
			    "\t%s\n\tIdentitiesOnly yes\n"
			    "\t%s\n\tGlobalKnownHostsFile none\n"
			    "\tHostKeyAlias %s\n\tHostKeyAlgorithms ssh-ed25519\n"
			    "\tStrictHostKeyChecking yes\n\tForwardAgent no\n"
			    "\tServerAliveInterval 30\n",
			    name, name[0] ? " " : "", instance->id, instance->public_ip, facts.port,
			    facts.user, key_option, known_option, instance->id);
	return 0;
}
