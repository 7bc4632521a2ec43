/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/paperspace_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/mem.h"

int paperspace_fake_setup(void **state)
{
	static const char *const env[] = { "PAPERSPACE_API_KEY=" PF_KEY, NULL };
	static const struct cloud_fake_kind kind = { pspace_open, pspace_close, env,
						     PF_URL,	  PF_KEY,	false };

	return cloud_fake_setup(state, &kind);
}

/* --- launches -------------------------------------------------------------------------------- */

#define STANDING "{\"isInGoodStanding\":true,\"isAdminLocked\":false,\"messages\":[]}"

struct launch_request paperspace_fake_request(void)
{
	return (struct launch_request){
		.launch_id = PF_LAUNCH,
		.token = PF_TOKEN,
		.name = "train",
		.owner = "me",
		.region = "ny2",
		.zone = "ny2",
		.type = "P4000",
		.arch = "x86_64",
		.ssh_public_key = PF_LOGIN,
		.ssh_port = 22,
		.user_data = "#!/bin/sh\necho hello\n",
		.user_data_len = strlen("#!/bin/sh\necho hello\n"),
		.ttl_s = 5401,
	};
}

void paperspace_fake_allow(struct cloud_fake *world)
{
	aws_fake_reply(&world->fake, "GET " PF_URL "/machines?", 200, PF_EMPTY);
	aws_fake_reply(&world->fake, "/billing/account-standing", 200, STANDING);
	aws_fake_reply(&world->fake, "/machine-availability", 200, "{\"available\":true}");
	aws_fake_reply(&world->fake, "/os-templates", 200, PF_TEMPLATES);
	aws_fake_reply(&world->fake, "GET " PF_URL "/startup-scripts", 200, PF_EMPTY);
	aws_fake_reply(&world->fake, "POST " PF_URL "/startup-scripts", 200,
		       "{\"id\":\"scr1\",\"name\":\"" PF_SCRIPT "\"}");
}

static int on_intend(void *ctx, const char *kind, const char *name, const char *sha256,
		     struct error *err)
{
	struct paperspace_diary *diary = ctx;

	buf_addf(&diary->log, "intend %s %s;", kind, name);
	if (*sha256)
		snprintf(diary->hash, sizeof(diary->hash), "%s", sha256);
	return diary->refuse && !strcmp(diary->refuse, kind)
		       ? error_set(err, ERROR_IO, "the disk is full")
		       : 0;
}

static int on_done(void *ctx, const char *kind, const char *name, const char *id, struct error *err)
{
	(void)name;
	(void)err;
	buf_addf(&((struct paperspace_diary *)ctx)->log, "done %s %s;", kind, id);
	return 0;
}

static void on_show(void *ctx, const char *title, const char *text)
{
	buf_addf(&((struct paperspace_diary *)ctx)->log, "[%s]\n%s", title, text);
}

int paperspace_fake_launch(struct cloud_fake *world, const struct launch_request *wanted,
			   struct paperspace_diary *diary, struct launch_result *ret)
{
	struct launch_steps steps = { diary, on_intend, on_done, on_show };

	error_clear(&world->err);
	if (diary)
		buf_clear(&diary->log);
	return pspace_launch(world->p, wanted, diary ? &steps : NULL, ret, &world->err);
}

void paperspace_fake_none_made(struct cloud_fake *world)
{
	assert_null(strstr(cloud_fake_log(world), "POST"));
	assert_null(strstr(cloud_fake_log(world), "PUT"));
}
