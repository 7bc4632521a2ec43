/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in profile "sim": points every setting at the simulator running for this user. */
#ifndef GPUCLOUD_FLEET_SIMULATOR_PROFILE_H
#define GPUCLOUD_FLEET_SIMULATOR_PROFILE_H

#include <stdbool.h>

struct error;
struct host;
struct paths;
struct settings;

/* No simulator running: ERROR_CONFIG with the command that starts one. */
int simulator_profile_load(struct settings *settings, const struct paths *paths,
			   const struct host *host, struct error *err);

/*
 * Can the instances be logged in to? A simulator's may be a state only; their addresses then belong to
 * nobody here, and a connection would go out into the user's network. True for every other cloud.
 */
bool simulator_profile_has_login(const struct settings *settings);

#endif
