/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated EC2: keys, security groups, tags, filters and protection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/buf.h"
#include "core/codec.h"
#include "core/mem.h"
#include "sim_fixture.h"

#define KEY_LINE \
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me"
#define INGRESS "Action=AuthorizeSecurityGroupIngress&GroupId=%s&IpPermissions.1.IpProtocol="
#define RUN	"Action=RunInstances&InstanceType=t3.micro&MinCount=1&MaxCount=1&ImageId=%s"

static char *import_body(const char *name, const char *line)
{
	struct buf text = BUF_INIT, encoded = BUF_INIT;
	char *body;

	base64_encode(&text, line, strlen(line));
	url_encode(&encoded, text.data, text.len, false);
	body = xasprintf("Action=ImportKeyPair&KeyName=%s&PublicKeyMaterial=%s", name,
			 encoded.data);
	buf_release(&text);
	buf_release(&encoded);
	return body;
}

static void test_key_formats(void **state)
{
	static const struct {
		const char *line, *code;
	} cases[] = {
		{ KEY_LINE, NULL },
		{ "ssh-ed25519", "InvalidKeyPair.Format" },
		{ "ssh-ed25519 AAAA", "InvalidKeyPair.Format" },
		{ "ssh-ed25519 !!!!", "InvalidKeyPair.Format" },
		{ "ssh-dss AAAAB3NzaC1kc3M= me", "InvalidKeyPair.Format" },
		/* an ed25519 blob under another name */
		{ "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
		  "InvalidKeyPair.Format" },
		{ "", "InvalidKeyPair.Format" },
	};
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *body = import_body("k", cases[i].line);

		sim_expect(&sim, *cases[i].line ? cases[i].code : "MissingParameter", "%s", body);
		free(body);
	}
	sim_expect(&sim, NULL, "Action=DescribeKeyPairs");
	assert_int_equal(sim_items(&sim, "keySet"), 1);
	sim_stop(&sim);
}

static void test_keys(void **state)
{
	char *body = import_body("mine", KEY_LINE);
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL,
		   "%s&TagSpecification.1.ResourceType=key-pair&TagSpecification.1.Tag.1.Key=a&"
		   "TagSpecification.1.Tag.1.Value=b",
		   body);
	sim_expect(&sim, "InvalidKeyPair.Duplicate", "%s", body);
	sim_expect(&sim, "InvalidParameterValue", "%s&TagSpecification.1.ResourceType=instance",
		   body);
	sim_expect(&sim, NULL, RUN "&KeyName=mine", sim_image("x86_64"));
	sim_expect(&sim, "InvalidKeyPair.NotFound", "Action=DescribeKeyPairs&KeyName.1=other");
	sim_expect(&sim, NULL, "Action=DescribeKeyPairs&Filter.1.Name=tag:a&Filter.1.Value.1=b");
	assert_string_equal(sim_text(&sim, "keyType"), "ed25519");
	sim_expect(&sim, NULL, "Action=DeleteKeyPair&KeyName=mine");
	assert_int_equal(sim_living(&sim, "key-pair"), 0);
	sim_expect(&sim, NULL, "Action=DeleteKeyPair&KeyName=mine"); /* success, as with EC2 */
	sim_expect(&sim, NULL, "%s", body);
	free(body);
	sim_stop(&sim);
}

static void test_groups(void **state)
{
	struct sim sim;
	char *id, *instance;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, "MissingParameter", "Action=CreateSecurityGroup&GroupName=g");
	sim_expect(&sim, "InvalidParameterValue",
		   "Action=CreateSecurityGroup&GroupName=sg-x&GroupDescription=d");
	sim_expect(&sim, "InvalidParameterValue",
		   "Action=CreateSecurityGroup&GroupName=g&GroupDescription=%%C3%%A9");
	sim_expect(&sim, "InvalidVpcID.NotFound",
		   "Action=CreateSecurityGroup&GroupName=g&GroupDescription=d&VpcId=vpc-1");
	sim_expect(&sim, NULL, "Action=CreateSecurityGroup&GroupName=g&GroupDescription=d");
	id = xstrdup(sim_text(&sim, "groupId"));
	sim_expect(&sim, "InvalidGroup.Duplicate",
		   "Action=CreateSecurityGroup&GroupName=g&GroupDescription=d");
	sim_expect(&sim, NULL, RUN "&SecurityGroupId.1=%s", sim_image("x86_64"), id);
	instance = xstrdup(sim_text(&sim, "instanceId"));
	sim_expect(&sim, "DependencyViolation", "Action=DeleteSecurityGroup&GroupId=%s", id);
	sim_expect(&sim, NULL, "Action=TerminateInstances&InstanceId.1=%s", instance);
	/* the interface lingers until the instance is gone */
	sim_expect(&sim, "DependencyViolation", "Action=DeleteSecurityGroup&GroupId=%s", id);
	sim_at(&sim, 10);
	sim_expect(&sim, NULL, "Action=DeleteSecurityGroup&GroupId=%s", id);
	sim_expect(&sim, "InvalidGroup.NotFound", "Action=DeleteSecurityGroup&GroupId=%s", id);
	assert_int_equal(sim_living(&sim, "security-group"), 0); /* the default one is not ours */
	sim_expect(&sim, "CannotDelete", "Action=DeleteSecurityGroup&GroupName=default");
	free(id);
	free(instance);
	sim_stop(&sim);
}

static void test_rules(void **state)
{
	static const struct {
		const char *rest, *code;
	} cases[] = {
		{ "tcp", "InvalidParameterValue" },
		{ "ip&IpPermissions.1.IpRanges.1.CidrIp=1.2.3.4/32", "InvalidParameterValue" },
		{ "tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22", "MissingParameter" },
		{ "tcp&IpPermissions.1.FromPort=23&IpPermissions.1.ToPort=22&"
		  "IpPermissions.1.IpRanges.1.CidrIp=1.2.3.4/32",
		  "InvalidParameterValue" },
		{ "tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=65536&"
		  "IpPermissions.1.IpRanges.1.CidrIp=1.2.3.4/32",
		  "InvalidParameterValue" },
		{ "tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&"
		  "IpPermissions.1.IpRanges.1.CidrIp=1.2.3.4",
		  "InvalidParameterValue" },
		{ "tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&"
		  "IpPermissions.1.IpRanges.1.CidrIp=1.2.3.4/33",
		  "InvalidParameterValue" },
		{ "tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&"
		  "IpPermissions.1.IpRanges.1.CidrIp=1.2.3.4/24&"
		  "IpPermissions.1.IpRanges.2.CidrIp=1.2.3.4/0x",
		  "InvalidParameterValue" },
		{ "tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&"
		  "IpPermissions.1.IpRanges.1.CidrIp=1.2.3.4/24&"
		  "IpPermissions.1.Ipv6Ranges.1.CidrIpv6=::/0",
		  NULL },
		/* the same network in other words */
		{ "tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22&"
		  "IpPermissions.1.IpRanges.1.CidrIp=1.2.3.99/24",
		  "InvalidPermission.Duplicate" },
		{ "-1&IpPermissions.1.IpRanges.1.CidrIp=0.0.0.0/0", NULL },
	};
	struct sim sim;
	char *id;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, "Action=CreateSecurityGroup&GroupName=g&GroupDescription=d");
	id = xstrdup(sim_text(&sim, "groupId"));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		sim_expect(&sim, cases[i].code, INGRESS "%s", id, cases[i].rest);
	/* what was refused left nothing behind, not even its good half */
	sim_expect(&sim, NULL, "Action=DescribeSecurityGroups&GroupId.1=%s", id);
	assert_int_equal(sim_items(&sim, "ipPermissions"), 2);
	assert_int_equal(sim_items(&sim, "ipRanges"), 1);
	assert_string_equal(sim_text(&sim, "cidrIp"), "1.2.3.0/24");
	assert_string_equal(sim_text(&sim, "cidrIpv6"), "::/0");
	free(id);
	sim_stop(&sim);
}

static void test_tags(void **state)
{
	struct buf many = BUF_INIT;
	struct sim sim;
	char *id;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, RUN, sim_image("x86_64"));
	id = xstrdup(sim_text(&sim, "instanceId"));
	sim_expect(&sim, NULL,
		   "Action=CreateTags&ResourceId.1=%s&Tag.1.Key=k&Tag.1.Value=%%3Ca%%3E%%26", id);
	sim_expect(&sim, NULL, "Action=DescribeTags");
	assert_string_equal(sim_text(&sim, "value"), "<a>&");
	sim_expect(&sim, NULL, "Action=CreateTags&ResourceId.1=%s&Tag.1.Key=k&Tag.1.Value=2", id);
	sim_expect(&sim, NULL, "Action=DescribeInstances&Filter.1.Name=tag:k&Filter.1.Value.1=2");
	assert_int_equal(sim_items(&sim, "reservationSet"), 1);
	sim_expect(&sim, NULL,
		   "Action=DescribeInstances&Filter.1.Name=tag-key&Filter.1.Value.1=other");
	assert_int_equal(sim_items(&sim, "reservationSet"), 0);
	sim_expect(&sim, "InvalidParameterValue",
		   "Action=CreateTags&ResourceId.1=%s&Tag.1.Key=aws:x&Tag.1.Value=1", id);
	sim_expect(&sim, "InvalidInstanceID.NotFound",
		   "Action=CreateTags&ResourceId.1=i-0123456789abcdef0&Tag.1.Key=x");
	sim_expect(&sim, "InvalidID", "Action=CreateTags&ResourceId.1=zebra&Tag.1.Key=x");
	for (int i = 1; i <= 49; i++)
		buf_addf(&many, "&Tag.%d.Key=t%d", i, i);
	sim_expect(&sim, NULL, "Action=CreateTags&ResourceId.1=%s%s", id, many.data);
	sim_expect(&sim, "TagLimitExceeded", "Action=CreateTags&ResourceId.1=%s&Tag.1.Key=x", id);
	sim_expect(&sim, NULL, "Action=DeleteTags&ResourceId.1=%s&Tag.1.Key=k&Tag.1.Value=1", id);
	sim_expect(&sim, NULL, "Action=DescribeTags&Filter.1.Name=key&Filter.1.Value.1=k");
	assert_int_equal(sim_items(&sim, "tagSet"), 1); /* another value: not deleted */
	sim_expect(&sim, NULL, "Action=DeleteTags&ResourceId.1=%s", id);
	sim_expect(&sim, NULL, "Action=DescribeTags");
	assert_int_equal(sim_items(&sim, "tagSet"), 0);
	buf_release(&many);
	free(id);
	sim_stop(&sim);
}

static void test_tag_bounds(void **state)
{
	struct sim sim;

	(void)state;
	sim_start(&sim, NULL);
	for (int len = 127; len <= 129; len++)
		sim_expect(&sim, len <= 128 ? NULL : "InvalidParameterValue",
			   RUN "&TagSpecification.1.ResourceType=instance&"
			       "TagSpecification.1.Tag.1.Key=%0*d",
			   sim_image("x86_64"), len, 1);
	for (int len = 256; len <= 257; len++)
		sim_expect(&sim, len <= 256 ? NULL : "InvalidParameterValue",
			   RUN "&TagSpecification.1.ResourceType=volume&"
			       "TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=%0*d",
			   sim_image("x86_64"), len, 1);
	sim_expect(&sim, "InvalidParameterValue",
		   RUN "&TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=k&"
		       "TagSpecification.1.Tag.2.Key=k",
		   sim_image("x86_64"));
	sim_expect(&sim, "InvalidParameterValue", RUN "&TagSpecification.1.ResourceType=moon",
		   sim_image("x86_64"));
	sim_expect(&sim, "InvalidParameterCombination",
		   RUN "&TagSpecification.1.ResourceType=spot-instances-request&"
		       "TagSpecification.1.Tag.1.Key=k",
		   sim_image("x86_64"));
	sim_stop(&sim);
}

/* One bad id fails the whole call, and changes nothing. */
static void test_all_or_nothing(void **state)
{
	struct sim sim;
	char *id;

	(void)state;
	sim_start(&sim, NULL);
	sim_expect(&sim, NULL, RUN "&DisableApiTermination=true", sim_image("x86_64"));
	sim_expect(&sim, "OperationNotPermitted", "Action=TerminateInstances&InstanceId.1=%s",
		   sim_text(&sim, "instanceId"));
	sim_expect(&sim, NULL, RUN, sim_image("x86_64"));
	id = xstrdup(sim_text(&sim, "instanceId"));
	sim_expect(&sim, "InvalidInstanceID.NotFound",
		   "Action=TerminateInstances&InstanceId.1=%s&InstanceId.2=i-0123456789abcdef0",
		   id);
	sim_expect(&sim, "InvalidInstanceID.Malformed",
		   "Action=TerminateInstances&InstanceId.1=%s&InstanceId.2=i-xyz", id);
	sim_expect(&sim, "MissingParameter", "Action=TerminateInstances");
	assert_int_equal(sim_living(&sim, "instance"), 2);
	sim_expect(&sim, NULL, "Action=DescribeInstances&InstanceId.1=%s", id);
	assert_string_equal(sim_text(&sim, "name"), "pending");
	/* another region knows nothing of it */
	char *body = xasprintf("Action=DescribeInstances&InstanceId.1=%s&Version=2016-11-15", id);

	sim_call_in(&sim, "eu-west-1", body);
	assert_string_equal(sim_text(&sim, "Code"), "InvalidInstanceID.NotFound");
	free(body);
	free(id);
	sim_stop(&sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_formats),    cmocka_unit_test(test_keys),
		cmocka_unit_test(test_groups),	       cmocka_unit_test(test_rules),
		cmocka_unit_test(test_tags),	       cmocka_unit_test(test_tag_bounds),
		cmocka_unit_test(test_all_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
