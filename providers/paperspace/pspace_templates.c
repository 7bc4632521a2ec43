/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Templates are what a machine's disk is made of. Their ids change without notice: they are looked up
 * by what people call them.
 * https://docs.digitalocean.com/reference/paperspace/api-reference/os-templates/
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/paperspace/paperspace.h"

#define TYPES_MAX 1000 /* of one template */
#define GB_MAX	  100000
#define WORDS_MAX 160

/* --- reading them ----------------------------------------------------------------------------- */

static int take_types(const struct cJSON *item, struct arena *arena, struct pspace_template *ret,
		      struct error *err)
{
	const struct cJSON *types;
	size_t cap = 0;

	if (json_array(item, "availableMachineTypes", &types, err) < 0)
		return -1;
	for (const struct cJSON *one = json_first(types); one; one = json_next(one)) {
		const char *label;
		bool available;

		if (json_string(one, "machineTypeLabel", PSPACE_TEXT_MAX, &label, err) < 0 ||
		    json_bool(one, "isAvailable", &available, err) < 0)
			return -1;
		if (!available || !pspace_type_name_ok(label))
			continue;
		if (ret->nr_types == TYPES_MAX)
			return error_set(err, ERROR_PROTOCOL,
					 "field 'availableMachineTypes': more than %d", TYPES_MAX);
		ret->types =
			arena_grow(arena, ret->types, ret->nr_types, &cap, sizeof(*ret->types));
		ret->types[ret->nr_types++] = arena_strdup(arena, label);
	}
	return 0;
}

static int take_template(void *ctx, const struct cJSON *item, struct error *err)
{
	struct pspace_templates *list = ctx;
	struct pspace_template template = { .nr_types = 0 };
	const char *id, *name;
	int64_t gb = 0;

	if (json_string(item, "id", PSPACE_ID_MAX, &id, err) < 0 ||
	    json_string(item, "name", PSPACE_TEXT_MAX, &name, err) < 0 ||
	    (json_get(item, "defaultSizeGb") &&
	     json_int64(item, "defaultSizeGb", 0, GB_MAX, &gb, err) < 0) ||
	    take_types(item, &list->arena, &template, err) < 0)
		return error_prefix(err, "a template of the reply");
	if (!pspace_id_ok(id) || json_get(item, "dtDeleted"))
		return 0;
	template.id = arena_strdup(&list->arena, id);
	template.name = text_escaped(&list->arena, name);
	template.os =
		text_escaped(&list->arena, pspace_text(item, "operatingSystemLabel", &list->arena));
	template.default_gb = (unsigned)gb;
	template.created = pspace_time(item, "dtCreated");
	list->v = arena_grow(&list->arena, list->v, list->nr, &list->cap, sizeof(*list->v));
	list->v[list->nr++] = template;
	return 0;
}

int pspace_templates_list(struct provider *p, const char *path, struct pspace_templates *ret,
			  struct error *err)
{
	struct pspace_templates list = { .nr = 0 };
	struct pspace_pages pages = {
		.what = "cannot list templates", .name = path, .ctx = &list, .each = take_template
	};

	if (pspace_list(p, &pages, err) < 0) {
		pspace_templates_release(&list);
		return -1;
	}
	*ret = list;
	return 0;
}

void pspace_templates_release(struct pspace_templates *list)
{
	arena_release(&list->arena);
	memset(list, 0, sizeof(*list));
}

bool pspace_template_fits(const struct pspace_template *one, const char *type)
{
	for (size_t i = 0; i < one->nr_types; i++)
		if (!strcmp(one->types[i], type))
			return true;
	return false;
}

/* --- choosing one ----------------------------------------------------------------------------- */

/* "Ubuntu 22.04 Server" and "ubuntu-22.04-server" are the same words. */
static void squeeze(char out[WORDS_MAX], const char *s)
{
	size_t n = 0;

	for (; *s && n + 1 < WORDS_MAX; s++) {
		char c = *s;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
	}
	out[n] = '\0';
}

/* How well a template is what was said; LEVELS: not at all. */
enum level {
	LEVEL_ID,
	LEVEL_NAME,
	LEVEL_START, /* of its name */
	LEVEL_OS,
	LEVEL_PART, /* of its name */
	LEVELS
};

static enum level level_of(const struct pspace_template *one, const char *said)
{
	char words[WORDS_MAX], name[WORDS_MAX], os[WORDS_MAX];

	if (!strcmp(one->id, said))
		return LEVEL_ID;
	squeeze(words, said);
	squeeze(name, one->name);
	squeeze(os, one->os);
	if (strlen(words) < 3)
		return LEVELS;
	if (!strcmp(name, words))
		return LEVEL_NAME;
	if (text_starts_with(name, words))
		return LEVEL_START;
	if (!strcmp(os, words))
		return LEVEL_OS;
	return strstr(name, words) ? LEVEL_PART : LEVELS;
}

static bool same_name(const struct pspace_template *a, const struct pspace_template *b)
{
	char x[WORDS_MAX], y[WORDS_MAX];

	squeeze(x, a->name);
	squeeze(y, b->name);
	return !strcmp(x, y);
}

/* Revisions of one template have the same name: the newest is meant. */
static bool is_newer(const struct pspace_template *a, const struct pspace_template *b)
{
	return a->created != b->created ? a->created > b->created : strcmp(a->id, b->id) > 0;
}

static void hint_types(const struct pspace_templates *list, const char *type, struct error *err)
{
	struct buf names = BUF_INIT_MAX(200);
	size_t more = 0;

	for (size_t i = 0; i < list->nr; i++) {
		char one[120];

		if (!pspace_template_fits(&list->v[i], type))
			continue;
		snprintf(one, sizeof(one), "%s%s (%.60s)", names.len ? ", " : "", list->v[i].id,
			 list->v[i].name);
		if (names.len + strlen(one) < 180)
			buf_addstr(&names, one);
		else
			more++;
	}
	if (names.len && more)
		error_hint(err, "for a %s there are %s and %zu more", type, names.data, more);
	else if (names.len)
		error_hint(err, "for a %s there are %s", type, names.data);
	else
		error_hint(err, "Paperspace has no template for a '%s': see gpucloud price", type);
	buf_release(&names);
}

static int ambiguous(const struct pspace_templates *list, const char *image, const char *type,
		     enum level level, struct error *err)
{
	struct buf names = BUF_INIT_MAX(300);

	for (size_t i = 0; i < list->nr; i++)
		if (level_of(&list->v[i], image) == level &&
		    pspace_template_fits(&list->v[i], type))
			buf_addf(&names, "%s%s (%.60s)", names.len ? ", " : "", list->v[i].id,
				 list->v[i].name);
	error_set(err, ERROR_CONFLICT, "image '%.80s' could be any of %s", image, names.data);
	buf_release(&names);
	return error_hint(err, "name one by its id");
}

/* The best of those that match at a level and fit; *others: a different one does, too. */
static const struct pspace_template *best_at(const struct pspace_templates *list, const char *image,
					     const char *type, enum level level, bool *others)
{
	const struct pspace_template *best = NULL;

	*others = false;
	for (size_t i = 0; i < list->nr; i++) {
		const struct pspace_template *one = &list->v[i];

		if (level_of(one, image) != level || !pspace_template_fits(one, type))
			continue;
		*others |= best && !same_name(best, one);
		if (!best || is_newer(one, best))
			best = one;
	}
	return best;
}

static const struct pspace_template *choose_said(const struct pspace_templates *list,
						 const char *image, const char *type,
						 struct error *err)
{
	const struct pspace_template *unfit = NULL;
	struct arena arena = { 0 };
	bool others;

	for (int level = 0; level < LEVELS; level++) {
		const struct pspace_template *best = best_at(list, image, type, level, &others);

		if (best && others) {
			ambiguous(list, image, type, level, err);
			return NULL;
		}
		if (best)
			return best;
	}
	for (size_t i = 0; i < list->nr && !unfit; i++)
		if (level_of(&list->v[i], image) < LEVELS)
			unfit = &list->v[i];
	if (unfit)
		error_set(err, ERROR_NOT_FOUND, "template %s (%.80s) is not there for a %s",
			  unfit->id, unfit->name, type);
	else
		error_set(err, ERROR_NOT_FOUND, "Paperspace has no template '%.80s'",
			  text_escaped(&arena, image));
	arena_release(&arena);
	hint_types(list, type, err);
	return NULL;
}

/* Of two that nobody asked for by name: the later system, then the later revision. */
static bool is_better(const struct pspace_template *a, const struct pspace_template *b)
{
	int order = strcmp(a->os, b->os);

	return order ? order > 0 : is_newer(a, b);
}

/* Names in the order in which they are good; of a desktop nobody logs in to a shell. */
static const struct pspace_template *choose_default(const struct pspace_templates *list,
						    const char *type, struct error *err)
{
	static const char *const names[] = { "mlinabox", "ubuntu2204", "ubuntu2404", "ubuntu" };
	const struct pspace_type *known = pspace_type_find(type);
	bool plain = known && !known->gpus;

	for (size_t n = plain ? 1 : 0; n < ARRAY_SIZE(names); n++) {
		const struct pspace_template *best = NULL;

		for (size_t i = 0; i < list->nr; i++) {
			const struct pspace_template *one = &list->v[i];
			char name[WORDS_MAX], os[WORDS_MAX];

			squeeze(name, one->name);
			squeeze(os, one->os);
			if (!pspace_template_fits(one, type) || strstr(name, "desktop") ||
			    (!strstr(name, names[n]) && (n == 0 || !strstr(os, names[n]))))
				continue;
			if (!best || is_better(one, best))
				best = one;
		}
		if (best)
			return best;
	}
	error_set(err, ERROR_NOT_FOUND,
		  "no template of Paperspace is known to be good for a '%.40s'", type);
	hint_types(list, type, err);
	return NULL;
}

const struct pspace_template *pspace_template_choose(const struct pspace_templates *list,
						     const char *image, const char *type,
						     struct error *err)
{
	return image && *image ? choose_said(list, image, type, err)
			       : choose_default(list, type, err);
}
