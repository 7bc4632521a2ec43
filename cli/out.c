/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/money.h"
#include "core/text.h"
#include "core/timefmt.h"

/* U+0080-9F, the bidirectional controls, DEL: JSON allows them raw, a terminal obeys them. */
static bool acts_on_terminal(unsigned c)
{
	return (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0x061c;
}

/* Reads one character of at most three bytes; *ret_n is 1 for a byte that starts none. */
static unsigned decode(const char *s, size_t len, size_t *ret_n)
{
	unsigned char c = (unsigned char)s[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (n > len || !text_is_utf8(s, n)) {
		*ret_n = 1;
		return 0xfffd;
	}
	*ret_n = n;
	if (n == 1)
		return c;
	if (n == 4)
		return 0x10000; /* none of those acts on a terminal */
	unsigned code = n == 2 ? c & 0x1fu : c & 0xfu;
	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)s[i] & 0x3fu);
	return code;
}

static void make_safe(const char *text, struct buf *out)
{
	size_t len = strlen(text);

	out->max = SIZE_MAX / 2; /* what we print ourselves has no ceiling */
	for (size_t i = 0, n = 1; i < len; i += n) {
		unsigned c = decode(text + i, len - i, &n);

		if (acts_on_terminal(c) || (c == 0xfffd && n == 1))
			buf_addf(out, "\\u%04x", c);
		else
			buf_add(out, text + i, n);
	}
}

static char *print(const cJSON *object, bool formatted)
{
	char *text = formatted ? cJSON_Print(object) : cJSON_PrintUnformatted(object);
	struct buf out = BUF_INIT;

	if (!text)
		out_of_memory();
	make_safe(text, &out);
	cJSON_free(text);
	return out.data; /* never the shared empty string: an object is two bytes at least */
}

char *out_compact(const cJSON *object)
{
	return print(object, false);
}

/* The members of object behind those of head; object is gone then. */
static cJSON *join(cJSON *head, cJSON *object)
{
	while (object->child) {
		cJSON *member = cJSON_DetachItemViaPointer(object, object->child);
		char *name = xstrdup(member->string);

		cJSON_AddItemToObject(head, name, member);
		free(name);
	}
	cJSON_Delete(object);
	return head;
}

static void write_object(struct cli *cli, cJSON *object, bool formatted)
{
	char *text = print(object, formatted);

	progress_hide(cli);
	fprintf(cli->out, "%s\n", text);
	progress_show(cli);
	free(text);
	cJSON_Delete(object);
}

void cli_json_print(struct cli *cli, cJSON *object)
{
	cJSON *head = cJSON_CreateObject();

	cJSON_AddNumberToObject(head, "schema_version", OUT_SCHEMA_VERSION);
	write_object(cli, join(head, object), true);
}

void cli_json_line(struct cli *cli, const char *message_type, cJSON *object)
{
	cJSON *head = cJSON_CreateObject();

	cJSON_AddStringToObject(head, "message_type", message_type);
	cJSON_AddNumberToObject(head, "schema_version", OUT_SCHEMA_VERSION);
	write_object(cli, join(head, object), false);
	fflush(cli->out); /* whoever follows us waits for this line */
}

cJSON *out_money(int64_t micros)
{
	char text[MONEY_TEXT_MAX];

	if (micros == MONEY_UNKNOWN)
		return cJSON_CreateNull();
	return cJSON_CreateString(money_format(text, micros, 4));
}

cJSON *out_time(int64_t s)
{
	char text[TIME_TEXT_MAX];

	return s < 0 ? cJSON_CreateNull() : cJSON_CreateString(time_format(text, s));
}

cJSON *out_text(const char *text)
{
	return text ? cJSON_CreateString(text) : cJSON_CreateNull();
}
