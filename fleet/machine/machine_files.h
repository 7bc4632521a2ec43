/* SPDX-License-Identifier: Apache-2.0 */
/* The files of this folder, as the build embeds them: what is put on a machine. */
#ifndef GPUCLOUD_FLEET_MACHINE_FILES_H
#define GPUCLOUD_FLEET_MACHINE_FILES_H

extern const char machine_ttl_script[];	 /* ttl.sh */
extern const char machine_ttl_service[]; /* gpucloud-ttl.service; @SECONDS@ is to be replaced */
extern const char machine_startup_script[]; /* startup.sh; words in @ are to be replaced */
extern const char machine_renew_script[]; /* renew.sh, likewise */
extern const char machine_warn_script[];  /* warn.sh, likewise */
extern const char machine_probe_script[]; /* probe.sh, for `sh -s` */
/* For jobs: the first of them, and one of the others behind it. */
extern const char machine_job_common_script[]; /* job_common.sh */
extern const char machine_job_run_script[];    /* job_run.sh, for what job_start sends */
extern const char machine_job_ask_script[];    /* job_ask.sh, for `sh -s` */
extern const char machine_top_script[];	 /* top.sh, for `sh -s` */

#endif
