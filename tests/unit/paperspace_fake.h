/* SPDX-License-Identifier: Apache-2.0 */
/* Paperspace made of prepared replies (tests/unit/cloud_fake.h), and words to make them of. */
#ifndef GPUCLOUD_TESTS_PAPERSPACE_FAKE_H
#define GPUCLOUD_TESTS_PAPERSPACE_FAKE_H

#include "providers/paperspace/paperspace.h"
#include "tests/unit/cloud_fake.h"

#define PF_KEY	  "ps-very-secret-key"
#define PF_URL	  "https://api.paperspace.com/v1"
#define PF_LAUNCH "abcdefghijklmnopqrstuvwx23"
#define PF_OTHER  "zyxwvutsrqponmlkjihgfedc76"
#define PF_TOKEN  PF_LAUNCH "-1"
#define PF_NAME	  "gpucloud.me.train." PF_TOKEN
#define PF_SCRIPT "gpucloud.me." PF_LAUNCH
#define PF_LOGIN                                                                            \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f " \
	"me@here"

#define PF_LIST(items) "{\"hasMore\":false,\"items\":[" items "]}"
#define PF_EMPTY       PF_LIST("")
#define PF_OK	       "{}"
#define PF_MACHINE(id, name, state, more)                                                      \
	"{\"id\":\"" id "\",\"name\":\"" name "\",\"state\":\"" state "\",\"region\":\"East "  \
	"Coast (NY2)\",\"machineType\":\"P4000\",\"publicIp\":\"203.0.113.9\",\"privateIp\":"  \
	"\"10.0.0.4\",\"publicIpType\":\"dynamic\",\"usageRate\":0.51,\"storageRate\":0.0068," \
	"\"os\":\"Ubuntu 22.04\",\"dtCreated\":\"2026-01-01T00:00:00.000Z\"" more "}"
#define PF_EVENT(name, state, created, started, finished, more)                            \
	"{\"id\":\"e\",\"name\":\"" name "\",\"state\":\"" state "\",\"error\":null,"      \
	"\"machineId\":\"ps1234567\",\"dtCreated\":\"" created "\",\"dtStarted\":" started \
	",\"dtFinished\":" finished more "}"
#define PF_TEMPLATE(id, name, os, gb, types)                                      \
	"{\"id\":\"" id "\",\"name\":\"" name "\",\"operatingSystemLabel\":\"" os \
	"\",\"defaultSizeGb\":" gb ",\"agentType\":\"Linux\",\"dtCreated\":"      \
	"\"2025-10-01T00:00:00.000Z\",\"availableMachineTypes\":[" types "]}"
#define PF_TYPE(label) "{\"machineTypeLabel\":\"" label "\",\"isAvailable\":true}"
#define PF_TEMPLATES                                                                               \
	PF_LIST(PF_TEMPLATE(                                                                       \
		"tubuntu1", "Ubuntu 22.04 Server", "Ubuntu 22.04", "50",                           \
		PF_TYPE("C5") "," PF_TYPE(                                                         \
			"P4000")) "," PF_TEMPLATE("tmlbox20", "ML-in-a-Box 20.04", "Ubuntu 20.04", \
						  "100",                                           \
						  PF_TYPE("P4000") "," PF_TYPE(                    \
							  "V100")) "," PF_TEMPLATE("tmlbox22",     \
										   "ML-in-a-Box",  \
										   "Ubuntu 22.04", \
										   "100",          \
										   PF_TYPE("P4000")))

#define PF_MADE "{\"data\":" PF_MACHINE("ps1234567", PF_NAME, "provisioning", "") ",\"event\":{}}"

/* As a test's setup: the key is in the environment. */
int paperspace_fake_setup(void **state);

/* --- launches -------------------------------------------------------------------------------- */

/* What a launch told its steps. Start with .log = BUF_INIT. */
struct paperspace_diary {
	struct buf log;
	char hash[SHA256_HEX_MAX];
	const char *refuse; /* the intent of this kind fails */
};

/* Of a P4000 in ny2, with a key, a script, and a time limit of an hour and a half and a second. */
struct launch_request paperspace_fake_request(void);
/* Everything that is asked before the machine says yes; the script is made as "scr1". */
void paperspace_fake_allow(struct cloud_fake *world);
/* diary may be NULL. */
int paperspace_fake_launch(struct cloud_fake *world, const struct launch_request *wanted,
			   struct paperspace_diary *diary, struct launch_result *ret);
/* Nothing that makes or changes anything was sent. */
void paperspace_fake_none_made(struct cloud_fake *world);

#endif
