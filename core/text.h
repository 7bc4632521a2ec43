/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside, made safe to show, and small string checks. */
#ifndef GPUCLOUD_CORE_TEXT_H
#define GPUCLOUD_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct arena;

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

/* Makes a label of any text (others become '-'); never empty: "x" then. out has 64 bytes. */
void text_to_label(char out[64], const char *s);

bool text_starts_with(const char *s, const char *prefix);
bool text_equal(const char *a, const char *b); /* NULL-safe */

/* Edit distance (Damerau), capped: for "did you mean". */
size_t text_distance(const char *a, const char *b);

/* Shell-style match of '*' only, for type patterns such as "g5.*". */
bool text_glob(const char *pattern, const char *s);

#endif
