/* SPDX-License-Identifier: Apache-2.0 */
/* What each word of gpucloud-sim does. 0 or -1 with err; results go to stdout. */
#ifndef GPUCLOUD_SIMULATOR_COMMANDS_H
#define GPUCLOUD_SIMULATOR_COMMANDS_H

struct error;
struct options;

int command_start(const struct options *options, struct error *err); /* start.c */
int command_stop(const struct options *options, struct error *err);
int command_status(const struct options *options, struct error *err);
int command_env(const struct options *options, struct error *err);
int command_state(const struct options *options, struct error *err);
int command_fault(const struct options *options, struct error *err);
int command_advance(const struct options *options, struct error *err);

#endif
