/* SPDX-License-Identifier: Apache-2.0 */
#include "providers/aws/aws.h"

const struct provider_ops aws_provider = {
	.name = "aws",
	.title = "Amazon EC2",
	.caps = PROVIDER_CAP_SPOT | PROVIDER_CAP_RESTART | PROVIDER_CAP_QUOTA |
		PROVIDER_CAP_DRY_RUN | PROVIDER_CAP_USER_DATA | PROVIDER_CAP_TAGS |
		PROVIDER_CAP_TOKEN | PROVIDER_CAP_REGIONS | PROVIDER_CAP_CONSOLE |
		PROVIDER_CAP_LEFTOVERS | PROVIDER_CAP_STOP | PROVIDER_CAP_ADMIT |
		PROVIDER_CAP_GUARD,
	.boot_form = BOOT_CLOUD_INIT,
	.user_data_max = 16384, /* before base64 */
	.login = "ubuntu",
	.time_limit = TIME_LIMIT_ENDS,
	.off_bills = OFF_BILLS_DISK,
	.is_id = ec2_is_instance_id,
	.open = aws_open,
	.close = aws_close,
	.default_region = aws_default_region,
	.region = aws_region,
	.endpoint = aws_endpoint,
	.account = aws_account,
	.offers = aws_offers,
	.launch = aws_launch,
	.instances = aws_instances,
	.terminate = aws_terminate,
	.release = aws_release,
	.regions = aws_regions,
	.spot_history = aws_spot_history,
	.restart = aws_restart,
	.tag = aws_tag,
	.console = aws_console,
	.leftovers = aws_leftovers,
	.remove = aws_remove,
	.stop = aws_stop,
	.start = aws_start,
	.quota = aws_quota,
	.admit = aws_admit,
};
