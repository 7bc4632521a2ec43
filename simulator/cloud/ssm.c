/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public parameters that hold image ids, as far as images.h knows them.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "simulator/cloud/images.h"
#include "simulator/cloud/service.h"

#define NAME_MAX_BYTES 2048
#define PAGE_MAX       10

static cJSON *parameter(const struct sim_call *call, const struct sim_image *image)
{
	cJSON *node = cJSON_CreateObject();
	char id[SIM_IMAGE_ID_MAX], *arn;
	struct error ignored = ERROR_INIT;
	int64_t created = 0;

	/* The image table's own dates always parse. */
	time_parse(image->created, "created", &created, &ignored);
	arn = xasprintf("arn:aws:ssm:%s::parameter%s", call->route->region, image->parameter);
	cJSON_AddStringToObject(node, "ARN", arn);
	cJSON_AddStringToObject(node, "DataType", "text");
	cJSON_AddNumberToObject(node, "LastModifiedDate", (double)created);
	cJSON_AddStringToObject(node, "Name", image->parameter);
	cJSON_AddStringToObject(node, "Type", "String");
	cJSON_AddStringToObject(node, "Value", sim_image_id(image, call->route->region, id));
	cJSON_AddNumberToObject(node, "Version", 1);
	free(arn);
	return node;
}

/* By name, by name and version ("NAME:1"), or by ARN. */
static const struct sim_image *find(const struct sim_call *call, const char *name)
{
	char prefix[96];
	size_t n;

	snprintf(prefix, sizeof(prefix), "arn:aws:ssm:%s::parameter", call->route->region);
	if (text_starts_with(name, prefix))
		name += strlen(prefix);
	n = strlen(name);
	if (n > 2 && strcmp(name + n - 2, ":1") == 0)
		n -= 2;
	for (size_t i = 0; i < sim_images_count(); i++) {
		const struct sim_image *image = sim_image_at(i);

		if (strlen(image->parameter) == n && strncmp(image->parameter, name, n) == 0)
			return image;
	}
	return NULL;
}

static void get_parameter(const struct sim_call *call, const struct cJSON *body,
			  struct cloud_reply *reply)
{
	static const char *const known[] = { "Name", "WithDecryption", NULL };
	const struct sim_image *image;
	const char *name;
	cJSON *out;

	if (json_known(body, known, reply))
		return;
	name = json_member(body, "Name", NAME_MAX_BYTES, true, reply);
	if (!name)
		return;
	image = find(call, name);
	if (!image) {
		json_error(reply, 400, "ParameterNotFound", "%s", "");
		return;
	}
	out = cJSON_CreateObject();
	cJSON_AddItemToObject(out, "Parameter", parameter(call, image));
	json_reply(reply, out);
}

static void get_parameters(const struct sim_call *call, const struct cJSON *body,
			   struct cloud_reply *reply)
{
	static const char *const known[] = { "Names", "WithDecryption", NULL };
	const cJSON *names = json_get(body, "Names");
	size_t nr = names && cJSON_IsArray(names) ? json_len(names) : 0;
	cJSON *out, *found, *missing;

	if (json_known(body, known, reply))
		return;
	if (nr < 1 || nr > 10) {
		json_error(reply, 400, "ValidationException",
			   "Value at 'names' failed to satisfy constraint: 1 to 10 names");
		return;
	}
	out = cJSON_CreateObject();
	missing = cJSON_AddArrayToObject(out, "InvalidParameters");
	found = cJSON_AddArrayToObject(out, "Parameters");
	for (size_t i = 0; i < nr; i++) {
		const char *name = json_text(json_at(names, i));
		const struct sim_image *image = name ? find(call, name) : NULL;

		if (image)
			cJSON_AddItemToArray(found, parameter(call, image));
		else
			cJSON_AddItemToArray(missing, cJSON_CreateString(name ? name : ""));
	}
	json_reply(reply, out);
}

/* True for a parameter below path: anywhere if recursive, else directly. */
static bool below(const struct sim_image *image, const char *path, bool recursive)
{
	size_t n = strlen(path);
	const char *rest = image->parameter + n;

	while (n > 1 && path[n - 1] == '/') {
		n--;
		rest--;
	}
	if (strlen(image->parameter) <= n || strncmp(image->parameter, path, n) != 0)
		return false;
	if (n > 1) {
		if (*rest != '/')
			return false;
		rest++;
	}
	return recursive || !strchr(rest, '/');
}

static void list_path(const struct sim_call *call, const char *path, bool recursive, size_t from,
		      size_t max, struct cloud_reply *reply)
{
	cJSON *out = cJSON_CreateObject();
	cJSON *list = cJSON_AddArrayToObject(out, "Parameters");
	size_t seen = 0;

	for (size_t i = 0; i < sim_images_count(); i++) {
		const struct sim_image *image = sim_image_at(i);

		if (!below(image, path, recursive) || seen++ < from)
			continue;
		if (seen - from > max) {
			page_token(out, from + max);
			break;
		}
		cJSON_AddItemToArray(list, parameter(call, image));
	}
	json_reply(reply, out);
}

static void get_parameters_by_path(const struct sim_call *call, const struct cJSON *body,
				   struct cloud_reply *reply)
{
	static const char *const known[] = { "Path",	   "Recursive", "WithDecryption",
					     "MaxResults", "NextToken", NULL };
	const char *path;
	size_t from;
	int max;

	if (json_known(body, known, reply))
		return;
	path = json_member(body, "Path", NAME_MAX_BYTES, true, reply);
	if (!path || json_count(body, "MaxResults", 1, PAGE_MAX, PAGE_MAX, &max, reply) ||
	    json_page(body, &from, reply))
		return;
	if (path[0] != '/') {
		json_error(reply, 400, "ValidationException",
			   "The parameter doesn't meet the parameter name requirements. The "
			   "parameter name must begin with a forward slash \"/\".");
		return;
	}
	list_path(call, path, cJSON_IsTrue(json_get(body, "Recursive")), from, (size_t)max, reply);
}

void ssm_handle(const struct sim_call *call, const struct cJSON *body, struct cloud_reply *reply)
{
	const char *action = call->route->action;

	if (strcmp(action, "GetParameter") == 0)
		get_parameter(call, body, reply);
	else if (strcmp(action, "GetParameters") == 0)
		get_parameters(call, body, reply);
	else if (strcmp(action, "GetParametersByPath") == 0)
		get_parameters_by_path(call, body, reply);
	else
		json_error(reply, 400, "UnknownOperationException",
			   "The simulator does not know the operation '%s'", action);
}
