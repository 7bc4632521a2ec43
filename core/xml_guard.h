/* SPDX-License-Identifier: Apache-2.0 */
/* Inside core/xml: what the tree and the stream refuse alike, and how they say it. */
#ifndef GPUCLOUD_CORE_XML_GUARD_H
#define GPUCLOUD_CORE_XML_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include <libxml/parser.h>

#include "core/text.h"

struct error;

struct xml_guard {
	const char *what; /* borrowed */
	struct text_utf8 utf8;
	const char *refusal; /* a rule of ours that was broken, NULL if none */
	char fault[160];     /* libxml2's first complaint, made safe to show */
	int code, line;
	bool at_end; /* it complained with no input left */
};

/*
 * Makes ctxt ours: guard is told of errors and refuses a DOCTYPE, the parser is kept off the
 * network. ctxt->userData must be ctxt itself. -1: out of memory or a libxml2 that lacks an option.
 */
int xml_guard_attach(struct xml_guard *guard, xmlParserCtxt *ctxt);

/* Stops the parser for a reason of ours ("it has a DOCTYPE"). */
void xml_guard_refuse(struct xml_guard *guard, xmlParserCtxt *ctxt, const char *refusal);

/*
 * The next bytes may be fed: UTF-8 without NUL. This comes before libxml2, which would guess an
 * encoding from what it sees.
 */
bool xml_guard_bytes(struct xml_guard *guard, const char *data, size_t len);

/* Fills err from what is known; last: no more input will come. Returns -1. */
int xml_guard_fail(const struct xml_guard *guard, bool last, struct error *err);

/* libxml2's own set-up, once for all threads. */
void xml_guard_init(void);

#endif
