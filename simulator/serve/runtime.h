/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtime folder, where a simulator and its clients find each other:
 * $GPUCLOUD_SIMULATOR_DIR, else $XDG_RUNTIME_DIR/gpucloud-sim, else /tmp/gpucloud-UID/sim. It holds
 *
 *   sim.json  where and how to reach the one that runs (0600, replaced atomically): pid, endpoint,
 *             ca_bundle, access_key_id, secret_access_key, region, paperspace_api_key,
 *             paperspace_read_key, digitalocean_token, digitalocean_read_token, admin_token,
 *             started, machines (none, fake, sshd) and, where SSH answers on them, ssh_port
 *   ca.pem    the authority that signed its certificate
 *   machines  a symbolic link to the folder of simulated machines, where there are any
 *   sim.lock  locked for as long as it lives: a pid may be used again, a lock cannot lie
 *
 * All of it is gone when it has ended.
 */
#ifndef GPUCLOUD_SIMULATOR_SERVE_RUNTIME_H
#define GPUCLOUD_SIMULATOR_SERVE_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "simulator/machine/machine.h"

struct error;

struct runtime {
	char *dir, *file, *ca, *lock, *machines;
	int lock_fd; /* -1: not ours */
};

/* What sim.json says. Strings are malloc'ed. */
struct running {
	pid_t pid;
	char *endpoint, *ca_bundle, *access_key_id, *secret_access_key, *region, *admin_token;
	char *paperspace_api_key, *paperspace_read_key;
	char *digitalocean_token, *digitalocean_read_token;
	int64_t started;
	enum machine_kind machines;
	uint16_t ssh_port; /* 0: none */
};

void runtime_find(struct runtime *ret); /* reads the environment */
void runtime_release(struct runtime *runtime);

/*
 * Makes the folder (0700; refused when it is a symbolic link or somebody else's) and takes its lock.
 * One runs already: ERROR_CONFLICT naming it. What a dead one left behind is removed.
 */
int runtime_claim(struct runtime *runtime, struct error *err);
int runtime_write(const struct runtime *runtime, const struct running *running, const char *ca,
		  size_t ca_len, struct error *err);
/* Removes the files, the lock, and the folder if it is then empty. */
void runtime_leave(struct runtime *runtime);

/* The simulator that runs here. None: ERROR_NOT_FOUND with the command that starts one. */
int runtime_read(const struct runtime *runtime, struct running *ret, struct error *err);
void running_release(struct running *running);

/* True while the lock is held by somebody. */
bool runtime_locked(const struct runtime *runtime);
/* True once the process has ended, reaped or not. */
bool process_gone(pid_t pid);
/* True if the process runs this very program as this very user. */
bool process_is_simulator(pid_t pid);

#endif
