/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"
#include "providers/aws/aws.h"

#define NAME_MAX_LEN 128 /* the longest of EC2's are half of that */

static void append(struct aws_form *form, const char *name, const char *value)
{
	form->v = arena_grow(&form->arena, form->v, form->nr, &form->cap, sizeof(*form->v));
	form->v[form->nr++] = (struct aws_param){
		.name = arena_strdup(&form->arena, name),
		.value = arena_strdup(&form->arena, value),
	};
}

void aws_form_init(struct aws_form *form, const char *action, const char *version)
{
	memset(form, 0, sizeof(*form));
	append(form, "Action", action);
	append(form, "Version", version);
}

void aws_form_add(struct aws_form *form, const char *name, const char *value)
{
	if (value)
		append(form, name, value);
}

void aws_form_addf(struct aws_form *form, const char *name, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;

	char *text = xmalloc((size_t)n + 1);

	va_start(ap, fmt);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	append(form, name, text);
	free(text);
}

void aws_form_addn(struct aws_form *form, const char *value, const char *name_fmt, ...)
{
	char name[NAME_MAX_LEN];
	va_list ap;

	va_start(ap, name_fmt);
	vsnprintf(name, sizeof(name), name_fmt, ap);
	va_end(ap);
	aws_form_add(form, name, value);
}

void aws_form_set(struct aws_form *form, const char *name, const char *value)
{
	for (size_t i = 0; i < form->nr; i++) {
		if (strcmp(form->v[i].name, name) != 0)
			continue;
		form->v[i].value = arena_strdup(&form->arena, value);
		return;
	}
	append(form, name, value);
}

const char *aws_form_get(const struct aws_form *form, const char *name)
{
	for (size_t i = 0; i < form->nr; i++)
		if (!strcmp(form->v[i].name, name))
			return form->v[i].value;
	return NULL;
}

void aws_form_release(struct aws_form *form)
{
	arena_release(&form->arena);
	memset(form, 0, sizeof(*form));
}

/*
 * A blank is '+', as HTML forms have it: AWS takes "%20" too, but servers that decode the form and
 * check the signature over their own encoding of it only know the '+' of botocore.
 */
static void encode(struct buf *out, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, " ");

		url_encode(out, text, len, false);
		if (!text[len])
			return;
		buf_addch(out, '+');
		text += len + 1;
	}
}

void aws_form_body(const struct aws_form *form, struct buf *out)
{
	for (size_t i = 0; i < form->nr; i++) {
		if (i > 0)
			buf_addch(out, '&');
		encode(out, form->v[i].name);
		buf_addch(out, '=');
		encode(out, form->v[i].value);
	}
}

void aws_form_sha256(const struct aws_form *form, char out[SHA256_HEX_MAX])
{
	struct buf body = BUF_INIT;

	aws_form_body(form, &body);
	sha256_hex(body.data, body.len, out);
	buf_wipe(&body);
}

void aws_form_show(const struct aws_form *form, struct buf *out)
{
	static const char *const masked[] = { "UserData", "TokenCode", "WebIdentityToken",
					      "ExternalId" };

	for (size_t i = 0; i < form->nr; i++) {
		const struct aws_param *param = &form->v[i];
		bool hide = false;

		for (size_t j = 0; j < ARRAY_SIZE(masked); j++)
			hide = hide || !strcmp(param->name, masked[j]);
		text_escape(out, param->name, strlen(param->name));
		if (hide)
			buf_addf(out, "=*** (%zu characters)", strlen(param->value));
		else {
			buf_addch(out, '=');
			text_escape(out, param->value, strlen(param->value));
		}
		buf_addch(out, '\n');
	}
}
