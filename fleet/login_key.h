/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's own login key: <data>/id_ed25519 (0600, in a folder of 0700) and its .pub, made at the
 * first use and never replaced: machines that run know no other.
 */
#ifndef GPUCLOUD_FLEET_LOGIN_KEY_H
#define GPUCLOUD_FLEET_LOGIN_KEY_H

#include "ssh/key.h"

struct error;
struct paths;

/* Loads it, or makes it where there is none. Several at once get the same key. A key that is there
 * but cannot be used is an error as ssh_key_load tells it, not a reason to make another. A good key
 * needs nothing to be written: it works in a home that is read-only. */
int login_key_get(const struct paths *paths, struct ssh_key *ret, struct error *err);

#endif
