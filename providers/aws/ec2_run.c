/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RunInstances: what is asked, and whether the reply is what was asked for.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

#define USER_DATA_MAX  16384 /* bytes before base64; EC2's limit */
#define PUBLIC_KEY_MAX 4096
#define SETTLE_TRIES   5

/* --- forms --------------------------------------------------------------------------------- */

static void add_base64(struct aws_form *form, const char *name, const void *data, size_t len)
{
	struct buf text = BUF_INIT;

	base64_encode(&text, data, len);
	aws_form_add(form, name, text.data);
	buf_wipe(&text); /* user-data may hold a host key */
}

static int check_key(const char *key, struct error *err)
{
	size_t len = strcspn(key, "\r\n");
	size_t algorithm = strcspn(key, " ");

	if (len == 0 || len > PUBLIC_KEY_MAX || key[len + strspn(key + len, "\r\n")] ||
	    algorithm >= len)
		return error_set(err, ERROR_USAGE, "the SSH public key is not one OpenSSH line");
	if (!text_starts_with(key, "ssh-ed25519 ") && !text_starts_with(key, "ssh-rsa ")) {
		error_set(err, ERROR_USAGE, "EC2 takes ed25519 and RSA keys only, not '%.*s'",
			  algorithm > 40 ? 40 : (int)algorithm, key);
		return error_hint(err, "make one with: ssh-keygen -t ed25519");
	}
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)key[i] < ' ' || key[i] == 0x7f)
			return error_set(err, ERROR_USAGE,
					 "the SSH public key holds control bytes");
	return 0;
}

int ec2_run_check(const struct launch_request *request, struct error *err)
{
	if (request->user_data_len > USER_DATA_MAX)
		return error_set(err, ERROR_USAGE, "user-data of %zu bytes: EC2 takes %d at most",
				 request->user_data_len, USER_DATA_MAX);
	return request->ssh_public_key ? check_key(request->ssh_public_key, err) : 0;
}

void ec2_key_form(const struct launch_request *request, struct aws_form *form)
{
	const char *key = request->ssh_public_key;
	char name[96];

	ec2_launch_name(name, request->launch_id);
	aws_form_init(form, "ImportKeyPair", AWS_EC2_VERSION);
	aws_form_add(form, "KeyName", name);
	add_base64(form, "PublicKeyMaterial", key, strcspn(key, "\r\n"));
	ec2_tag_spec(form, 1, "key-pair", request);
}

static void add_spot(const struct launch_request *request, struct aws_form *form)
{
	char price[MONEY_TEXT_MAX];

	if (!request->spot)
		return;
	aws_form_add(form, "InstanceMarketOptions.MarketType", "spot");
	if (request->max_price > 0)
		aws_form_add(form, "InstanceMarketOptions.SpotOptions.MaxPrice",
			     money_format(price, request->max_price, 0));
	aws_form_add(form, "InstanceMarketOptions.SpotOptions.SpotInstanceType", "one-time");
	aws_form_add(form, "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior",
		     "terminate");
}

static void add_disk(const struct launch_request *request, const struct ec2_image *image,
		     struct aws_form *form)
{
	bool sized = request->disk_gib || request->disk_more_gib;
	unsigned gib = request->disk_gib;

	if (request->disk_more_gib && !gib)
		gib = image->root_gib + request->disk_more_gib;
	/* Some images would leave their disk behind, and it would go on billing. */
	if (!sized && image->root_stays)
		gib = image->root_gib;

	if (!*image->root_device || !gib)
		return;
	aws_form_add(form, "BlockDeviceMapping.1.DeviceName", image->root_device);
	aws_form_addf(form, "BlockDeviceMapping.1.Ebs.VolumeSize", "%u", gib);
	if (sized)
		aws_form_add(form, "BlockDeviceMapping.1.Ebs.VolumeType", "gp3");
	aws_form_add(form, "BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true");
}

void ec2_run_form(const struct launch_request *request, const struct ec2_image *image,
		  const struct ec2_subnet *subnet, const char *key, const char *group,
		  struct aws_form *form)
{
	static const char *const tagged[] = { "instance", "volume", "network-interface",
					      "spot-instances-request" };

	aws_form_init(form, "RunInstances", AWS_EC2_VERSION);
	aws_form_add(form, "ImageId", image->id);
	aws_form_add(form, "InstanceType", request->type);
	aws_form_add(form, "MinCount", "1");
	aws_form_add(form, "MaxCount", "1");
	aws_form_add(form, "ClientToken", request->token);
	aws_form_add(form, "KeyName", key);
	aws_form_add(form, "SubnetId", subnet->id);
	aws_form_add(form, "SecurityGroupId.1", group);
	aws_form_add(form, "InstanceInitiatedShutdownBehavior", "terminate");
	aws_form_add(form, "MetadataOptions.HttpTokens", "required");
	aws_form_add(form, "MetadataOptions.HttpPutResponseHopLimit", "1");
	add_spot(request, form);
	add_disk(request, image, form);
	for (unsigned i = 0; i < ARRAY_SIZE(tagged) - !request->spot; i++)
		ec2_tag_spec(form, i + 1, tagged[i], request);
	if (request->user_data && request->user_data_len)
		add_base64(form, "UserData", request->user_data, request->user_data_len);
}

/* --- sending ------------------------------------------------------------------------------- */

/* The very same body every time: the token makes a repetition harmless. */
static int send_run(struct provider *p, const char *region, const struct aws_form *form,
		    struct xml *ret, struct error *err)
{
	for (int try = 1;; try++) {
		struct aws_call call = { 0 };
		struct aws_call *calls[] = { &call };

		aws_call_query(&call, p, "ec2", region, form);
		call.creates = true;
		int rc = aws_send_all(p, calls, 1);
		if (rc) {
			*err = call.err;
		} else {
			*ret = call.xml;
			call.xml = (struct xml){ NULL };
		}
		aws_call_release(&call);
		if (rc == 0)
			return 0;
		/* The key and the group were made a moment ago: not known everywhere yet. */
		if (try == SETTLE_TRIES || (!aws_error_is(err, "InvalidGroup*.NotFound") &&
					    !aws_error_is(err, "InvalidSecurityGroup*.NotFound") &&
					    !aws_error_is(err, "InvalidKeyPair.NotFound")))
			break;
		struct error stop;
		if (ec2_sleep(p, 500 << try, &stop)) {
			*err = stop;
			break;
		}
	}
	/* A server that stumbled may have carried it out before. */
	if (err->kind == ERROR_PROTOCOL || (err->kind == ERROR_REMOTE && err->http_status >= 500))
		err->unknown = true;
	return -1;
}

static int count_items(const struct _xmlNode *set)
{
	const struct _xmlNode *item = NULL;
	int n = 0;

	while (set && (item = xml_each(set, "item", item)) != NULL)
		n++;
	return n;
}

/* On demand where spot was asked would cost a multiple, unasked: end it at once. */
static int refuse_on_demand(struct provider *p, const struct launch_request *request,
			    const char *id, struct error *err)
{
	struct error why;

	if (ec2_terminate_new(p, request->region, id, &why) == 0)
		return error_set(err, ERROR_REMOTE,
				 "spot was asked, but instance '%s' came as on demand: it has been "
				 "terminated",
				 id);
	error_set(err, ERROR_REMOTE,
		  "spot was asked, but instance '%s' came as on demand and could not be "
		  "terminated: %s",
		  id, why.message);
	err->unknown = true;
	return error_hint(err, "end it: gpucloud terminate %s --region %s", id, request->region);
}

static int check_reply(struct provider *p, const struct launch_request *request,
		       const struct xml *xml, struct launch_result *result, struct error *err)
{
	const struct _xmlNode *set = xml_find(xml_root(xml), "instancesSet");
	int n = count_items(set);
	struct instance *instance = &result->instance;

	if (n != 1) {
		error_set(err, ERROR_PROTOCOL,
			  "RunInstances in %s: %d instances in the reply, not 1", request->region,
			  n);
		err->unknown = true;
		return -1;
	}
	if (ec2_instance_parse(xml_each(set, "item", NULL), request->region, &result->arena,
			       instance, err)) {
		error_prefix(err, "RunInstances in %s", request->region);
		err->unknown = true;
		return -1;
	}
	if (strcmp(instance->token, request->token) != 0) {
		error_set(err, ERROR_PROTOCOL,
			  "RunInstances in %s: the reply is about another request's instance",
			  request->region);
		err->unknown = true;
		return -1;
	}
	if (request->spot && !instance->spot)
		return refuse_on_demand(p, request, instance->id, err);
	return 0;
}

int ec2_run(struct provider *p, const struct launch_request *request, const struct aws_form *form,
	    struct launch_result *ret, struct error *err)
{
	struct launch_result result = { 0 };
	struct xml xml = { NULL };

	if (send_run(p, request->region, form, &xml, err))
		return -1;
	int rc = check_reply(p, request, &xml, &result, err);
	xml_release(&xml);
	if (rc) {
		arena_release(&result.arena);
		return -1;
	}
	*ret = result;
	return 0;
}

int ec2_run_dry(struct provider *p, const struct launch_request *request,
		const struct aws_form *form, struct error *err)
{
	struct xml xml = { NULL };
	const char *id;

	if (send_run(p, request->region, form, &xml, err)) {
		if (!aws_error_is(err, "DryRunOperation"))
			return -1;
		return 0;
	}
	/* Who does not know DryRun has just launched something. */
	struct error why;
	const struct _xmlNode *set = xml_find(xml_root(&xml), "instancesSet");
	const struct _xmlNode *item = set ? xml_each(set, "item", NULL) : NULL;
	error_set(err, ERROR_REMOTE, "RunInstances in %s: the dry run was not taken as one",
		  request->region);
	if (!item || ec2_id(item, "instanceId", "i-", &id, &why) ||
	    ec2_terminate_new(p, request->region, id, &why))
		err->unknown = true;
	xml_release(&xml);
	return -1;
}
