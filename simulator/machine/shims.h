/* SPDX-License-Identifier: Apache-2.0 */
/* The files of shims/, as the build embeds them. */
#ifndef GPUCLOUD_SIMULATOR_MACHINE_SHIMS_H
#define GPUCLOUD_SIMULATOR_MACHINE_SHIMS_H

extern const char shim_id[], shim_install[], shim_nvidia_smi[], shim_owner[], shim_paths[],
	shim_power[], shim_service[], shim_sudo[], shim_systemctl[], shim_systemd_run[],
	shim_unit[], shim_wall[], shim_who[];

#endif
