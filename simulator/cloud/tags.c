/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "simulator/cloud/model.h"

static struct cloud_tag *find(const struct tag_set *tags, const char *key)
{
	for (size_t i = 0; i < tags->nr; i++) {
		if (strcmp(tags->v[i].key, key) == 0)
			return &tags->v[i];
	}
	return NULL;
}

const char *tags_get(const struct tag_set *tags, const char *key)
{
	const struct cloud_tag *tag = find(tags, key);

	return tag ? tag->value : NULL;
}

void tags_set(struct tag_set *tags, const char *key, const char *value)
{
	struct cloud_tag *tag = find(tags, key);

	if (tag) {
		free(tag->value);
		tag->value = xstrdup(value);
		return;
	}
	tags->v = xrealloc(tags->v, (tags->nr + 1) * sizeof(*tags->v));
	tags->v[tags->nr++] = (struct cloud_tag){ xstrdup(key), xstrdup(value) };
}

bool tags_drop(struct tag_set *tags, const char *key)
{
	struct cloud_tag *tag = find(tags, key);

	if (!tag)
		return false;
	free(tag->key);
	free(tag->value);
	tags->nr--;
	memmove(tag, tag + 1, (size_t)(tags->v + tags->nr - tag) * sizeof(*tag));
	return true;
}

void tags_copy(struct tag_set *to, const struct tag_set *from)
{
	for (size_t i = 0; i < from->nr; i++)
		tags_set(to, from->v[i].key, from->v[i].value);
}

void tags_release(struct tag_set *tags)
{
	for (size_t i = 0; i < tags->nr; i++) {
		free(tags->v[i].key);
		free(tags->v[i].value);
	}
	free(tags->v);
	tags->v = NULL;
	tags->nr = 0;
}
