/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which image a launch boots: an id, an SSM parameter, or a short name. Amazon and Canonical publish
 * the newest id of each image as a public parameter; where that is not to be had, DescribeImages is
 * asked for the newest of that name.
 * https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/ec2.h"

#define SSM_PATH_MAX 512
#define DISK_GIB_MAX 65536
#define CANONICAL    "099720109477"
#define DLAMI	     "/aws/service/deeplearning/ami/%s/"
#define UBUNTU	     "/aws/service/canonical/ubuntu/server/"

struct image_source {
	const char *alias;
	bool amd64;	    /* this vendor says "amd64" for x86_64 */
	const char *ssm[2]; /* parameters, tried in order; %s is the architecture */
	const char *owner;  /* and where neither exists */
	const char *name;
};

static const struct image_source sources[] = {
	{ "dlami",
	  false,
	  { DLAMI "base-oss-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id",
	    DLAMI "base-oss-nvidia-driver-ubuntu-22.04/latest/ami-id" },
	  "amazon",
	  "Deep Learning*Base OSS Nvidia Driver*(Ubuntu 22.04)*" },
	{ "ubuntu-22.04",
	  true,
	  { UBUNTU "22.04/stable/current/%s/hvm/ebs-gp2/ami-id",
	    UBUNTU "22.04/stable/current/%s/hvm/ebs-gp3/ami-id" },
	  CANONICAL,
	  "ubuntu/images/hvm-ssd*/ubuntu-jammy-22.04-%s-server-*" },
	{ "ubuntu-24.04",
	  true,
	  { UBUNTU "24.04/stable/current/%s/hvm/ebs-gp3/ami-id",
	    UBUNTU "24.04/stable/current/%s/hvm/ebs-gp2/ami-id" },
	  CANONICAL,
	  "ubuntu/images/hvm-ssd*/ubuntu-noble-24.04-%s-server-*" },
	{ "al2023",
	  false,
	  { "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-%s", NULL },
	  "amazon",
	  "al2023-ami-2023.*-%s" },
};

/*
 * NVIDIA's open kernel modules need Turing or later: these families get the proprietary driver.
 * Kepler, Maxwell and Volta cards do not work at all with the other one.
 */
static const char *const old_families[] = { "p2.", "p3.", "p3dn.", "g3.", "g3s." };
static const struct image_source old_source = {
	"dlami",
	false,
	{ DLAMI "base-proprietary-nvidia-driver-gpu-ubuntu-22.04/latest/ami-id",
	  DLAMI "base-proprietary-nvidia-driver-ubuntu-22.04/latest/ami-id" },
	"amazon",
	"Deep Learning*Base Proprietary Nvidia Driver*(Ubuntu 2*"
};

static bool is_old(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(old_families); i++)
		if (text_starts_with(type, old_families[i]))
			return true;
	return false;
}

static const char *arch_of(const struct launch_request *request)
{
	return request->arch && *request->arch ? request->arch : "x86_64";
}

/* Puts the architecture where the pattern has "%s"; patterns are ours, never formats. */
static void expand(char *out, size_t max, const char *pattern, const char *arch)
{
	const char *at = strstr(pattern, "%s");

	if (at)
		snprintf(out, max, "%.*s%s%s", (int)(at - pattern), pattern, arch, at + 2);
	else
		snprintf(out, max, "%s", pattern);
}

static int get_parameter(struct provider *p, const char *region, const char *name,
			 char ret[EC2_ID_MAX + 1], struct error *err)
{
	cJSON *root = cJSON_CreateObject();
	struct json reply;
	const char *value;

	cJSON_AddStringToObject(root, "Name", name);
	char *body = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (!body)
		out_of_memory();
	int rc = aws_json(p, "ssm", region, "AmazonSSM.GetParameter", body, &reply, err);
	cJSON_free(body);
	if (rc)
		return error_prefix(err, "cannot find the image by '%s'", name);
	rc = json_string(reply.root, "Parameter.Value", EC2_ID_MAX, &value, err);
	if (!rc && !ec2_id_ok(value, "ami-"))
		rc = error_set(err, ERROR_PROTOCOL, "parameter '%s' holds no image id", name);
	if (!rc)
		snprintf(ret, EC2_ID_MAX + 1, "%s", value);
	json_release(&reply);
	return rc;
}

/* --- DescribeImages ------------------------------------------------------------------------ */

struct newest {
	const char *pattern, *arch;
	char id[EC2_ID_MAX + 1];
	char created[40];
};

static int take_newest(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct newest *newest = job->ctx;
	const struct _xmlNode *set = xml_find(root, "imagesSet");
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'imagesSet'");
	while ((item = xml_each(set, "item", item)) != NULL) {
		const char *name = xml_text(item, "name");
		const char *created = xml_text(item, "creationDate");
		const char *id;
		if (ec2_id(item, "imageId", "ami-", &id, err))
			return -1;
		/* Dates of one form sort as text. */
		if (!name || !created || strlen(created) >= sizeof(newest->created) ||
		    !text_glob(newest->pattern, name) ||
		    !text_equal(xml_text(item, "imageState"), "available") ||
		    !text_equal(xml_text(item, "architecture"), newest->arch) ||
		    strcmp(created, newest->created) <= 0)
			continue;
		snprintf(newest->created, sizeof(newest->created), "%s", created);
		snprintf(newest->id, sizeof(newest->id), "%s", id);
	}
	return 0;
}

static int find_newest(struct provider *p, const struct launch_request *request,
		       const struct image_source *source, const char *vendor_arch,
		       char ret[EC2_ID_MAX + 1], struct error *err)
{
	char pattern[128];
	struct newest newest = { .pattern = pattern, .arch = arch_of(request) };
	struct ec2_job job = { .region = request->region, .page = take_newest, .ctx = &newest };
	unsigned n = 0;

	expand(pattern, sizeof(pattern), source->name, vendor_arch);
	aws_form_init(&job.form, "DescribeImages", AWS_EC2_VERSION);
	aws_form_add(&job.form, "Owner.1", source->owner);
	ec2_filter_one(&job.form, &n, "name", pattern);
	ec2_filter_one(&job.form, &n, "architecture", newest.arch);
	ec2_filter_one(&job.form, &n, "state", "available");
	int rc = ec2_list(p, &job, err);
	ec2_job_release(&job);
	if (rc)
		return -1;
	if (!*newest.id) {
		error_set(err, ERROR_NOT_FOUND, "no image '%s' for %s in %s", source->alias,
			  newest.arch, request->region);
		return error_hint(err,
				  "name one with --image: an id (ami-...), ssm:/path, or one of "
				  "dlami, ubuntu-22.04, ubuntu-24.04, al2023");
	}
	snprintf(ret, EC2_ID_MAX + 1, "%s", newest.id);
	return 0;
}

static int find_source(struct provider *p, const struct launch_request *request,
		       const struct image_source *source, char ret[EC2_ID_MAX + 1],
		       struct error *err)
{
	const char *arch = arch_of(request);
	char name[SSM_PATH_MAX];

	if (source->amd64 && !strcmp(arch, "x86_64"))
		arch = "amd64";
	for (size_t i = 0; i < ARRAY_SIZE(source->ssm) && source->ssm[i]; i++) {
		expand(name, sizeof(name), source->ssm[i], arch);
		if (get_parameter(p, request->region, name, ret, err) == 0)
			return 0;
		/* No such parameter, or not for us to read: EC2 itself knows its images too. */
		if (err->kind != ERROR_NOT_FOUND && !aws_error_is(err, "AccessDenied*"))
			return -1;
	}
	return find_newest(p, request, source, arch, ret, err);
}

static int find_default(struct provider *p, const struct launch_request *request,
			char ret[EC2_ID_MAX + 1], struct error *err)
{
	if (is_old(request->type)) {
		if (find_source(p, request, &old_source, ret, err) == 0)
			return 0;
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
	}
	return find_source(p, request, &sources[0], ret, err);
}

static int find_id(struct provider *p, const struct launch_request *request,
		   char ret[EC2_ID_MAX + 1], struct error *err)
{
	const char *image = request->image;

	if (!image || !strcmp(image, sources[0].alias))
		return find_default(p, request, ret, err);
	if (ec2_id_ok(image, "ami-")) {
		snprintf(ret, EC2_ID_MAX + 1, "%s", image);
		return 0;
	}
	if (text_starts_with(image, "ssm:")) {
		const char *path = image + 4;
		if (*path != '/' || !text_is_token(path, "/._-", SSM_PATH_MAX - 1))
			return error_set(err, ERROR_USAGE, "'%.80s' is no SSM parameter", path);
		return get_parameter(p, request->region, path, ret, err);
	}
	for (size_t i = 1; i < ARRAY_SIZE(sources); i++)
		if (!strcmp(image, sources[i].alias))
			return find_source(p, request, &sources[i], ret, err);
	error_set(err, ERROR_USAGE, "unknown image '%.80s'", image);
	return error_hint(err, "use an id (ami-...), ssm:/path, or one of dlami, ubuntu-22.04, "
			       "ubuntu-24.04, al2023");
}

/* --- what the image is --------------------------------------------------------------------- */

struct described {
	const char *id;
	struct ec2_image *image;
	char state[24], arch[24];
	bool found;
};

static void copy(char *out, size_t max, const char *text)
{
	snprintf(out, max, "%.*s", (int)max - 1, text ? text : "");
}

/* The disk the image boots from: its size, and whether it is deleted with the instance. */
static int take_root_disk(const struct _xmlNode *item, struct ec2_image *image, struct error *err)
{
	const struct _xmlNode *set = xml_find(item, "blockDeviceMapping");
	const struct _xmlNode *disk = NULL;

	while (set && (disk = xml_each(set, "item", disk)) != NULL) {
		uint64_t gib;
		if (!text_equal(xml_text(disk, "deviceName"), image->root_device))
			continue;
		if (ec2_number(disk, "ebs/volumeSize", DISK_GIB_MAX, &gib, err))
			return -1;
		image->root_gib = (unsigned)gib;
		image->root_stays = text_equal(xml_text(disk, "ebs/deleteOnTermination"), "false");
	}
	return 0;
}

static int take_image(struct ec2_job *job, const struct _xmlNode *root, struct error *err)
{
	struct described *described = job->ctx;
	struct ec2_image *image = described->image;
	const struct _xmlNode *set = xml_find(root, "imagesSet");
	const struct _xmlNode *item = NULL;

	if (!set)
		return error_set(err, ERROR_PROTOCOL, "the reply has no 'imagesSet'");
	while ((item = xml_each(set, "item", item)) != NULL) {
		if (!text_equal(xml_text(item, "imageId"), described->id))
			continue;
		const char *device = xml_text(item, "rootDeviceName");
		if (device && *device && !text_is_token(device, "/-_", EC2_ID_MAX))
			return error_set(err, ERROR_PROTOCOL,
					 "'rootDeviceName' of the reply is no device");
		described->found = true;
		copy(image->root_device, sizeof(image->root_device), device);
		copy(image->name, sizeof(image->name), xml_text(item, "name"));
		copy(described->state, sizeof(described->state), xml_text(item, "imageState"));
		copy(described->arch, sizeof(described->arch), xml_text(item, "architecture"));
		return take_root_disk(item, image, err);
	}
	return 0;
}

static int check(const struct launch_request *request, const struct described *described,
		 struct error *err)
{
	const struct ec2_image *image = described->image;

	if (!described->found)
		return error_set(err, ERROR_NOT_FOUND, "no image '%s' in %s", image->id,
				 request->region);
	if (strcmp(described->state, "available") != 0)
		return error_set(err, ERROR_NOT_FOUND, "image '%s' cannot be used: it is %s",
				 image->id, *described->state ? described->state : "unknown");
	if (request->arch && *request->arch && strcmp(described->arch, request->arch) != 0) {
		error_set(err, ERROR_USAGE, "image '%s' is for %s, but %s needs %s", image->id,
			  *described->arch ? described->arch : "nothing known", request->type,
			  request->arch);
		return error_hint(err, "choose another --image, or another --type");
	}
	if ((request->disk_gib || request->disk_more_gib) && !*image->root_device)
		return error_set(err, ERROR_USAGE,
				 "image '%s' has no root disk whose size could be set", image->id);
	if (request->disk_gib && request->disk_gib < image->root_gib)
		return error_set(err, ERROR_USAGE,
				 "a disk of %u GiB is too small: image '%s' needs %u",
				 request->disk_gib, image->id, image->root_gib);
	return 0;
}

int ec2_image_find(struct provider *p, const struct launch_request *request, struct ec2_image *ret,
		   struct error *err)
{
	struct ec2_image image = { 0 };
	struct described described = { .image = &image };
	struct ec2_job job = { .region = request->region, .page = take_image, .ctx = &described };

	if (find_id(p, request, image.id, err))
		return -1;
	described.id = image.id;
	aws_form_init(&job.form, "DescribeImages", AWS_EC2_VERSION);
	aws_form_add(&job.form, "ImageId.1", image.id);
	int rc = ec2_list(p, &job, err);
	ec2_job_release(&job);
	if (rc || check(request, &described, err))
		return -1;
	*ret = image;
	return 0;
}
