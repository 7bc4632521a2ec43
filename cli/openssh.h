/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing over to OpenSSH: it is told to accept the keys we know the instance by, and no other. Its
 * terminal, its forwarding and its editors' plugins are better than ours would be.
 */
#ifndef GPUCLOUD_CLI_OPENSSH_H
#define GPUCLOUD_CLI_OPENSSH_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct cli;
struct instance;

/* "-F none -p 22 -o ..." and the destination "user@address" last. ret[nr] is NULL and has room for
 * `more` strings behind it. All in the arena. by_agent: the login key is the agent's. cli->error. */
int openssh_args(struct cli *cli, const struct instance *instance, bool by_agent, size_t more,
		 struct arena *arena, char ***ret, size_t *nr);

/* The lines of a "Host" block for ssh_config(5), with the same meaning. -1 with code "HostKeyUnknown"
 * where this computer has no key recorded for it. */
int openssh_block(struct cli *cli, const struct instance *instance, struct arena *arena,
		  const char **ret);

/* Our environment without the cloud's credentials: OpenSSH has no use for them, and what it starts
 * could read them. The list is the arena's, its strings are environ's. */
char **openssh_environ(struct arena *arena);

#endif
