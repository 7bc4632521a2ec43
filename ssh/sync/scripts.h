/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ssh/sync only: what runs on the machine, embedded by cmake/EmbedText.cmake. */
#ifndef GPUCLOUD_SSH_SYNC_SCRIPTS_H
#define GPUCLOUD_SSH_SYNC_SCRIPTS_H

extern const char sync_list_script[];	/* list.sh: ahead of the others */
extern const char sync_push_script[];	/* push.sh */
extern const char sync_commit_script[]; /* commit.sh: a variable of push.sh's */

#endif
