/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside, made safe to show, and small string checks. */
#ifndef GPUCLOUD_CORE_TEXT_H
#define GPUCLOUD_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct arena;

/*
 * Checks UTF-8 as it streams in (no overlong forms, no surrogates, nothing past U+10FFFF). A
 * zeroed struct is the start. False once a byte cannot follow; text is whole when need is 0.
 */
struct text_utf8 {
	unsigned char need;     /* continuation bytes still to come */
	unsigned char low, high; /* bounds of the next one */
};
bool text_utf8_feed(struct text_utf8 *state, const char *s, size_t len);
bool text_is_utf8(const char *s, size_t len);

/*
 * Appends s with every byte that could act on a terminal made visible: C0 and DEL as ^X, C1, bidi
 * controls (U+202A-E, U+2066-9, U+200E/F, U+061C) and invalid UTF-8 as \xNN; tab and newline as
 * ^I and ^J.
 */
void text_escape(struct buf *out, const char *s, size_t len);
char *text_escaped(struct arena *arena, const char *s);

/* True if s is 1..max bytes of [A-Za-z0-9] and the characters in `also`. */
bool text_is_token(const char *s, const char *also, size_t max);

/*
 * What all clouds take as a tag value: lower case, digits, '-', '_', at most 63, starting with a
 * letter or digit. Also the rule for --name.
 */
bool text_is_label(const char *s);

/* Makes a label of any text: lower case, other characters become '-', leading ones are dropped;
 * never empty: "x" then. out has 64 bytes. */
void text_to_label(char out[64], const char *s);

bool text_starts_with(const char *s, const char *prefix);
bool text_equal(const char *a, const char *b); /* NULL-safe */

/* Edit distance (Damerau, neighbours swapped count one), at most TEXT_DISTANCE_MAX: for "did you
 * mean". Anything longer than TEXT_DISTANCE_MAX bytes is that far away. */
#define TEXT_DISTANCE_MAX 64
size_t text_distance(const char *a, const char *b);

/* Shell-style match of '*' only, for type patterns such as "g5.*". */
bool text_glob(const char *pattern, const char *s);

#endif
