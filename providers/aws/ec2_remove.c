/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing one thing that is left over.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

#define KEY_NAME_MAX 95 /* "gpucloud-" and a launch id */

int ec2_delete(struct provider *p, const char *region, const char *action, const char *parameter,
	       const char *id, struct error *err)
{
	struct aws_form form;
	struct xml xml = { NULL };

	aws_form_init(&form, action, AWS_EC2_VERSION);
	aws_form_add(&form, parameter, id);
	int rc = aws_query(p, "ec2", region, &form, &xml, err);
	aws_form_release(&form);
	xml_release(&xml);
	if (rc == 0)
		return 1;
	return aws_error_is(err, "Invalid*.NotFound") ? 0 : -1;
}

/* An interface in use is told in words alone. */
static bool is_in_use(const struct leftover *leftover, const struct error *err)
{
	static const char *const codes[] = { "*InUse", "DependencyViolation", "Incorrect*State",
					     "IncorrectState" };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (aws_error_is(err, codes[i]))
			return true;
	return leftover->kind == LEFTOVER_INTERFACE && aws_error_is(err, "InvalidParameterValue") &&
	       strstr(err->message, "in use");
}

int aws_remove(struct provider *p, const struct leftover *leftover, struct error *err)
{
	struct error why = ERROR_INIT;

	if ((unsigned)leftover->kind >= EC2_LEFTOVER_KINDS)
		return error_set(err, ERROR_USAGE, "there is nothing of that kind");
	const struct ec2_leftover_kind *kind = &ec2_leftover_kinds[leftover->kind];
	if (kind->prefix ? !ec2_id_ok(leftover->id, kind->prefix)
			 : !leftover->id || !text_starts_with(leftover->id, "gpucloud-") ||
				   !text_is_token(leftover->id, "-_", KEY_NAME_MAX))
		return error_set(err, ERROR_USAGE, "'%.80s' is no %s's id",
				 leftover->id ? leftover->id : "",
				 leftover_kind_name(leftover->kind));
	if (ec2_delete(p, leftover->region, kind->removal, kind->parameter, leftover->id, &why) >=
	    0)
		return 0;
	/* deregistered a moment ago */
	if (leftover->kind == LEFTOVER_IMAGE && aws_error_is(&why, "InvalidAMIID.Unavailable"))
		return 0;
	if (is_in_use(leftover, &why))
		why.kind = ERROR_CONFLICT;
	else if (why.kind == ERROR_CONFLICT) /* protected: waiting is no use */
		why.kind = ERROR_REMOTE;
	*err = why;
	return -1;
}
