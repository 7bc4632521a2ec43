/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch opens the SSH port to the address it was made from. Whoever logs in from elsewhere adds
 * their own: done where a machine does not answer, and said.
 */
#ifndef GPUCLOUD_FLEET_ADMIT_H
#define GPUCLOUD_FLEET_ADMIT_H

#include "fleet/fleet.h"

/*
 * 1: this computer's address was not let in, and is from now on; it is in cidr. 0: it was let in all
 * the time, or the cloud has nothing of the kind. -1: that cannot be known, or changed.
 */
int admit_this_computer(struct fleet *fleet, const struct instance *instance,
			char cidr[FLEET_ADDRESS_MAX], struct error *err);

#endif
