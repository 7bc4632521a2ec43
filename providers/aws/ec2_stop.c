/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping and starting.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Stop_Start.html
 */
#include "providers/aws/ec2.h"

/* A one-time spot request ends with its instance: there is nothing it could start from again. */
static void explain(const char *id, struct error *err)
{
	if (!aws_error_is(err, "UnsupportedOperation") &&
	    !aws_error_is(err, "IncorrectSpotRequestState"))
		return;
	err->kind = ERROR_UNSUPPORTED;
	error_hint(err, "a spot instance can only be ended: gpucloud terminate %s", id);
}

int aws_stop(struct provider *p, const char *region, const char *id, struct error *err)
{
	if (ec2_instance_act(p, "StopInstances", region, id, err) == 0)
		return 0;
	explain(id, err);
	return -1;
}

int aws_start(struct provider *p, const char *region, const char *id, struct error *err)
{
	if (ec2_instance_act(p, "StartInstances", region, id, err) == 0)
		return 0;
	explain(id, err);
	return -1;
}
