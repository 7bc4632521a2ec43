/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/text.h"
#include "simulator/cloud/ec2.h"

#define TAG_PREFIX "tag:"

static bool is_known(const char *const *known, const char *name)
{
	for (; *known; known++) {
		if (strcmp(*known, name) == 0)
			return true;
		if (strcmp(*known, "tag") == 0 &&
		    (strcmp(name, "tag-key") == 0 ||
		     (text_starts_with(name, TAG_PREFIX) && name[strlen(TAG_PREFIX)])))
			return true;
	}
	return false;
}

void filters_read(struct ec2_call *call, const char *const *known, struct filters *ret)
{
	struct sim_params *params = call->params;

	ret->nr = params_count(params, "Filter", FILTERS_MAX);
	for (size_t i = 0; i < ret->nr; i++) {
		struct filter *filter = &ret->v[i];

		filter->name = params_need(params, params_name(params, "Filter.%zu.Name", i + 1));
		filter->values = params_list(params, params_name(params, "Filter.%zu.Value", i + 1),
					     FILTER_VALUES_MAX, &filter->nr);
		if (params_failed(params))
			return;
		if (filter->nr == 0)
			ec2_fail(call, "InvalidParameterValue", "The filter '%s' has no values",
				 filter->name);
		else if (!is_known(known, filter->name))
			ec2_fail(call, "InvalidParameterValue", "The filter '%s' is invalid",
				 filter->name);
	}
}

bool filter_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		bool quoted = *pattern == '\\' && pattern[1];

		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (quoted ? pattern[1] == *text : *pattern == '?' || *pattern == *text) {
			pattern += quoted ? 2 : 1;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool any_value(const struct filter *filter, const char *text)
{
	for (size_t i = 0; i < filter->nr; i++) {
		if (filter_glob(filter->values[i], text))
			return true;
	}
	return false;
}

static bool match_tags(const struct filter *filter, const struct tag_set *tags)
{
	const char *value;

	if (text_starts_with(filter->name, TAG_PREFIX)) {
		value = tags_get(tags, filter->name + strlen(TAG_PREFIX));
		return value && any_value(filter, value);
	}
	for (size_t i = 0; i < tags->nr; i++) {
		if (any_value(filter, tags->v[i].key))
			return true;
	}
	return false;
}

static bool match_one(const struct filter *filter, const struct tag_set *tags, filter_field field,
		      const void *thing)
{
	char scratch[64];
	const char *text;

	if (tags &&
	    (text_starts_with(filter->name, TAG_PREFIX) || strcmp(filter->name, "tag-key") == 0))
		return match_tags(filter, tags);
	for (size_t i = 0; (text = field(thing, filter->name, i, scratch)); i++) {
		if (any_value(filter, text))
			return true;
	}
	return false;
}

bool filters_match(const struct filters *filters, const struct tag_set *tags, filter_field field,
		   const void *thing)
{
	for (size_t i = 0; i < filters->nr; i++) {
		if (!match_one(&filters->v[i], tags, field, thing))
			return false;
	}
	return true;
}
