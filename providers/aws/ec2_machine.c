/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What concerns one instance from the outside: its tags and its console.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
 */
#include <string.h>

#include "core/codec.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

int aws_tag(struct provider *p, const char *region, const char *id, const struct tag *tag,
	    struct error *err)
{
	struct aws_form form = { 0 };
	struct xml reply = { 0 };

	if (!ec2_id_ok(id, "i-") || !text_is_label(tag->key) || !text_is_label(tag->value))
		return error_set(err, ERROR_USAGE, "'%.60s' cannot carry the tag '%.60s'", id,
				 tag->key);
	aws_form_init(&form, "CreateTags", AWS_EC2_VERSION);
	aws_form_add(&form, "ResourceId.1", id);
	aws_form_add(&form, "Tag.1.Key", tag->key);
	aws_form_add(&form, "Tag.1.Value", tag->value);
	int rc = aws_query(p, "ec2", region, &form, &reply, err);
	xml_release(&reply);
	aws_form_release(&form);
	return rc;
}

/* The output comes in base64, broken into lines. */
static int decode(const char *text, struct buf *out, struct error *err)
{
	struct buf packed = BUF_INIT_MAX((size_t)256 << 10);
	int rc = 0;

	for (; *text && rc == 0; text++)
		if (!strchr(" \n\r\t", *text))
			rc = buf_addch(&packed, *text);
	if (rc || base64_decode(out, packed.data, packed.len))
		rc = error_set(err, ERROR_PROTOCOL, "GetConsoleOutput: field 'output' is not base64");
	buf_release(&packed);
	return rc;
}

int aws_console(struct provider *p, const char *region, const char *id, struct buf *out,
		struct error *err)
{
	struct aws_form form = { 0 };
	struct xml reply = { 0 };

	if (!ec2_id_ok(id, "i-"))
		return error_set(err, ERROR_USAGE, "'%.60s' is no instance's id", id);
	aws_form_init(&form, "GetConsoleOutput", AWS_EC2_VERSION);
	aws_form_add(&form, "InstanceId", id);
	int rc = aws_query(p, "ec2", region, &form, &reply, err);
	const char *text = rc ? NULL : xml_text(xml_root(&reply), "output");
	if (text)
		rc = decode(text, out, err);
	xml_release(&reply);
	aws_form_release(&form);
	return rc;
}
