/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/job_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "cli/command.h"
#include "core/buf.h"
#include "core/file.h"
#include "core/text.h"

#define WORDS_MAX 512 /* of the command */

struct reading {
	const char *path;
	yaml_document_t *doc;
	const struct command *command;
	unsigned char *args;
	struct job_file *file;
	struct error *err;
	const char *seen[128]; /* keys so far */
	size_t nr_seen;
};

void job_file_release(struct job_file *file)
{
	arena_release(&file->arena);
}

/* "job.yml:12: ..." */
__attribute__((format(printf, 3, 4))) static int refuse(struct reading *r, const yaml_node_t *node,
							const char *fmt, ...)
{
	char text[200];
	struct buf shown = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_escape(&shown, text, strlen(text));
	error_set(r->err, ERROR_USAGE, "%s:%zu: %s", r->path, node->start_mark.line + 1,
		  shown.data);
	buf_release(&shown);
	return error_hint(r->err, "docs/run.md has all keys");
}

/* The text of a scalar; NULL for anything else, or with a NUL in it. */
static const char *text_of(struct reading *r, const yaml_node_t *node)
{
	if (node->type != YAML_SCALAR_NODE ||
	    memchr(node->data.scalar.value, '\0', node->data.scalar.length))
		return NULL;
	return arena_strndup(&r->file->arena, (const char *)node->data.scalar.value,
			     node->data.scalar.length);
}

static const struct opt *find_opt(const struct command *command, const char *name)
{
	const struct opt *const tables[] = { command->opts,
					     command->like ? command->like->opts : NULL };

	for (size_t i = 0; i < 2; i++)
		for (const struct opt *opt = tables[i]; opt && opt->lng; opt++)
			if (strcmp(opt->lng, name) == 0 && strcmp(name, "file") != 0)
				return opt;
	return NULL;
}

static int set_flag(struct reading *r, const yaml_node_t *node, const char *name, bool *field)
{
	const char *text = text_of(r, node);

	if (text && (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0))
		*field = true;
	else if (!text || (strcmp(text, "false") != 0 && strcmp(text, "no") != 0))
		return refuse(r, node, "'%s' is true or false", name);
	return 0;
}

static int set_uint(struct reading *r, const yaml_node_t *node, const struct opt *opt,
		    unsigned *field)
{
	const char *text = text_of(r, node);
	unsigned long value = 0;

	if (text && text[0] && strlen(text) <= 9 && strspn(text, "0123456789") == strlen(text))
		value = strtoul(text, NULL, 10);
	if (!text || !text[0] || value < opt->min || value > opt->max || strlen(text) > 9)
		return refuse(r, node, "'%s' is a number from %u to %u", opt->lng, opt->min,
			      opt->max);
	if (!*field)
		*field = (unsigned)value;
	return 0;
}

static int add_one(struct reading *r, const yaml_node_t *node, const char *name, const char *text,
		   struct opt_strings *list)
{
	if (!text || !text[0])
		return refuse(r, node, "'%s' holds what is no text", name);
	if (list->nr == OPT_STRINGS_MAX)
		return refuse(r, node, "'%s' has more than %d entries", name, OPT_STRINGS_MAX);
	list->v[list->nr++] = text;
	return 0;
}

/* {NAME: value}, as env has it. */
static int add_pairs(struct reading *r, const yaml_node_t *node, const char *name,
		     struct opt_strings *list)
{
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(r->doc, pair->key);
		const yaml_node_t *value = yaml_document_get_node(r->doc, pair->value);
		const char *left = text_of(r, key), *right = text_of(r, value);

		if (!left || !right || strchr(left, '='))
			return refuse(r, key, "'%s' holds names and their values", name);
		if (add_one(r, key, name, arena_printf(&r->file->arena, "%s=%s", left, right),
			    list) < 0)
			return -1;
	}
	return 0;
}

/* The file's come first, then those of the command line. */
static int set_strings(struct reading *r, const yaml_node_t *node, const struct opt *opt,
		       struct opt_strings *field)
{
	const struct opt_strings given = *field;
	int rc = 0;

	field->nr = 0;
	if (node->type == YAML_SEQUENCE_NODE) {
		for (const yaml_node_item_t *item = node->data.sequence.items.start;
		     rc == 0 && item < node->data.sequence.items.top; item++) {
			const yaml_node_t *one = yaml_document_get_node(r->doc, *item);

			rc = add_one(r, one, opt->lng, text_of(r, one), field);
		}
	} else if (node->type == YAML_MAPPING_NODE && strcmp(opt->lng, "env") == 0) {
		rc = add_pairs(r, node, opt->lng, field);
	} else {
		rc = add_one(r, node, opt->lng, text_of(r, node), field);
	}
	for (size_t i = 0; rc == 0 && i < given.nr; i++)
		rc = add_one(r, node, opt->lng, given.v[i], field);
	return rc;
}

static int set_option(struct reading *r, const yaml_node_t *node, const struct opt *opt)
{
	unsigned char *field = r->args + opt->offset;
	const char *text;

	switch (opt->type) {
	case OPT_FLAG:
		return set_flag(r, node, opt->lng, (bool *)(void *)field);
	case OPT_UINT:
		return set_uint(r, node, opt, (unsigned *)(void *)field);
	case OPT_STRINGS:
		return set_strings(r, node, opt, (struct opt_strings *)(void *)field);
	case OPT_STRING:
		text = text_of(r, node);
		if (!text || !text[0])
			return refuse(r, node, "'%s' is a text", opt->lng);
		if (!*(const char **)(void *)field)
			*(const char **)(void *)field = text;
		return 0;
	case OPT_COUNT:
		break;
	}
	return refuse(r, node, "'%s' has no place here", opt->lng);
}

static int set_command(struct reading *r, const yaml_node_t *node)
{
	struct job_file *file = r->file;
	bool list = node->type == YAML_SEQUENCE_NODE;
	size_t nr = list ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start)
			 : 1;

	if (nr == 0 || nr > WORDS_MAX)
		return refuse(r, node, "'command' is a text, or a list of up to %d", WORDS_MAX);
	file->command = arena_alloc(&file->arena, nr * sizeof(*file->command));
	for (size_t i = 0; i < nr; i++) {
		const yaml_node_t *one =
			list ? yaml_document_get_node(r->doc, node->data.sequence.items.start[i])
			     : node;

		file->command[i] = text_of(r, one);
		if (!file->command[i] || (!i && !file->command[i][0]))
			return refuse(r, one, "'command' is a text, or a list of texts");
	}
	file->nr_command = nr;
	return 0;
}

static int take_pair(struct reading *r, const yaml_node_t *key, const yaml_node_t *value)
{
	const char *name = text_of(r, key);

	if (!name)
		return refuse(r, key, "a key is no text");
	for (size_t i = 0; i < r->nr_seen; i++)
		if (strcmp(r->seen[i], name) == 0)
			return refuse(r, key, "'%s' stands here twice", name);
	if (r->nr_seen == sizeof(r->seen) / sizeof(r->seen[0]))
		return refuse(r, key, "too many keys");
	r->seen[r->nr_seen++] = name;
	if (strcmp(name, "command") == 0)
		return set_command(r, value);
	const struct opt *opt = find_opt(r->command, name);
	if (!opt)
		return refuse(r, key, "there is no option '%s'", name);
	return set_option(r, value, opt);
}

static int take_document(struct reading *r)
{
	const yaml_node_t *root = yaml_document_get_root_node(r->doc);

	if (!root)
		return error_set(r->err, ERROR_USAGE, "%s: it is empty", r->path);
	if (root->type != YAML_MAPPING_NODE)
		return refuse(r, root, "a job file holds 'key: value' lines");
	for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
	     pair < root->data.mapping.pairs.top; pair++)
		if (take_pair(r, yaml_document_get_node(r->doc, pair->key),
			      yaml_document_get_node(r->doc, pair->value)) < 0)
			return -1;
	return 0;
}

static int check_end(struct reading *r, yaml_parser_t *parser)
{
	yaml_document_t rest;
	bool loaded = yaml_parser_load(parser, &rest) != 0;
	bool more = !loaded || yaml_document_get_root_node(&rest);

	if (loaded)
		yaml_document_delete(&rest);
	return more ? error_set(r->err, ERROR_USAGE, "%s: it holds more than one document", r->path)
		    : 0;
}

static int parse(struct reading *r, const struct buf *text)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	int rc = -1;

	if (!yaml_parser_initialize(&parser))
		return error_set(r->err, ERROR_IO, "cannot read YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text->data, text->len);
	if (!yaml_parser_load(&parser, &doc)) {
		error_set(r->err, ERROR_USAGE, "%s:%zu: %.120s", r->path,
			  parser.problem_mark.line + 1,
			  parser.problem ? parser.problem : "this is no YAML");
	} else {
		r->doc = &doc;
		rc = take_document(r);
		if (rc == 0)
			rc = check_end(r, &parser);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	return rc;
}

int job_file_read(const char *path, const struct command *command, void *args, struct job_file *ret,
		  struct error *err)
{
	struct buf text = BUF_INIT_MAX(JOB_FILE_MAX);
	struct reading r = {
		.path = path, .command = command, .args = args, .file = ret, .err = err
	};
	int rc = file_read(path, JOB_FILE_MAX, &text, err);

	if (rc < 0)
		error_prefix(err, "--file");
	else
		rc = parse(&r, &text);
	buf_release(&text);
	return rc;
}
