/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu-selftest/src/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void json_release(struct json *j)
{
	free(j->text);
	memset(j, 0, sizeof(*j));
}

static void append(struct json *j, const char *text, size_t length)
{
	if (length >= j->room - j->length) {
		size_t room = (j->length + length + 1) * 2;
		char *grown = realloc(j->text, room);
		if (grown == NULL) {
			static const char message[] = "gpu-selftest: out of memory\n";
			(void)!write(2, message, sizeof(message) - 1);
			_exit(70);
		}
		j->text = grown;
		j->room = room;
	}
	memcpy(j->text + j->length, text, length);
	j->length += length;
	j->text[j->length] = '\0';
}

static void quote(struct json *j, const char *s)
{
	append(j, "\"", 1);
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		char escaped[8];
		if (c == '"' || c == '\\')
			append(j, (char[]){ '\\', (char)c }, 2);
		else if (c >= 0x20 && c < 0x7f)
			append(j, s, 1);
		else
			append(j, escaped,
			       (size_t)snprintf(escaped, sizeof(escaped), "\\u%04x", c));
	}
	append(j, "\"", 1);
}

static void start(struct json *j, const char *key)
{
	if (j->comma)
		append(j, ",", 1);
	j->comma = true;
	if (key == NULL)
		return;
	quote(j, key);
	append(j, ":", 1);
}

void json_open(struct json *j, const char *key, char bracket)
{
	start(j, key);
	append(j, &bracket, 1);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	append(j, &bracket, 1);
	j->comma = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	start(j, key);
	quote(j, value);
}

static void literal(struct json *j, const char *key, const char *text)
{
	start(j, key);
	append(j, text, strlen(text));
}

void json_int(struct json *j, const char *key, int64_t value)
{
	char text[32];
	snprintf(text, sizeof(text), "%lld", (long long)value);
	literal(j, key, text);
}

void json_bool(struct json *j, const char *key, bool value)
{
	literal(j, key, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	literal(j, key, "null");
}

void json_real(struct json *j, const char *key, double value, int digits)
{
	char text[64];
	if (!isfinite(value) || fabs(value) > 1e18) {
		json_null(j, key);
		return;
	}
	snprintf(text, sizeof(text), "%.*f", digits, value);
	literal(j, key, text);
}

void json_hex(struct json *j, const char *key, uint64_t value)
{
	char text[32];
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	json_string(j, key, text);
}

void json_raw(struct json *j, const char *text)
{
	if (text == NULL || *text == '\0')
		return;
	start(j, NULL);
	append(j, text, strlen(text));
}
