/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in profile "sim": points every setting at the simulator running for this user. */
#ifndef GPUCLOUD_FLEET_SIMULATOR_PROFILE_H
#define GPUCLOUD_FLEET_SIMULATOR_PROFILE_H

struct error;
struct host;
struct paths;
struct settings;

/* No simulator running: ERROR_CONFIG with the command that starts one. */
int simulator_profile_load(struct settings *settings, const struct paths *paths,
			   const struct host *host, struct error *err);

#endif
