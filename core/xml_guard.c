/* SPDX-License-Identifier: Apache-2.0 */
#include "core/xml_guard.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"

#define SLOW_STEP 16 /* bytes looked at one by one before words are tried again */

void xml_guard_init(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, xmlInitParser);
}

/* Keeps the first complaint; those that follow are mostly its echoes. */
static void on_error(void *user, xmlErrorPtr error)
{
	xmlParserCtxt *ctxt = user;
	struct xml_guard *guard = ctxt->_private;
	struct buf safe = BUF_INIT;

	if (guard->fault[0] || error->level < XML_ERR_ERROR)
		return;
	if (error->message)
		text_escape(&safe, error->message, strcspn(error->message, "\n"));
	snprintf(guard->fault, sizeof(guard->fault), "%.140s", safe.len ? safe.data : "malformed");
	buf_release(&safe);
	guard->code = error->code;
	guard->line = error->line;
	guard->at_end = ctxt->input && ctxt->input->cur >= ctxt->input->end;
}

/* Called before anything inside the DOCTYPE is read, so no entity is ever declared. */
static void on_doctype(void *user, const xmlChar *name, const xmlChar *external_id,
		       const xmlChar *system_id)
{
	xmlParserCtxt *ctxt = user;

	(void)name;
	(void)external_id;
	(void)system_id;
	xml_guard_refuse(ctxt->_private, ctxt, "it has a DOCTYPE");
}

int xml_guard_attach(struct xml_guard *guard, xmlParserCtxt *ctxt)
{
	ctxt->_private = guard;
	ctxt->sax->serror = on_error;
	ctxt->sax->internalSubset = on_doctype;
	return xmlCtxtUseOptions(ctxt, XML_PARSE_NONET | XML_PARSE_IGNORE_ENC) == 0 ? 0 : -1;
}

void xml_guard_refuse(struct xml_guard *guard, xmlParserCtxt *ctxt, const char *refusal)
{
	if (!guard->refusal)
		guard->refusal = refusal;
	xmlStopParser(ctxt);
}

/* How many bytes at the start are plain ASCII and no NUL, in steps of eight. */
static size_t plain_run(const char *data, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
	size_t i = 0;

	for (; len - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, data + i, sizeof(word));
		/* The subtraction sets a high bit where a byte is 0; those above 127 have theirs. */
		if (((word - ones) | word) & highs)
			break;
	}
	return i;
}

/* Whole documents are ASCII, mostly: what is not goes byte by byte, a little at a time. */
bool xml_guard_bytes(struct xml_guard *guard, const char *data, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		n = guard->utf8.need ? 0 : plain_run(data + at, len - at);
		if (n)
			continue;
		n = len - at < SLOW_STEP ? len - at : SLOW_STEP;
		if (text_utf8_feed(&guard->utf8, data + at, n) && !memchr(data + at, '\0', n))
			continue;
		if (!guard->refusal)
			guard->refusal = "it is not UTF-8 text";
		return false;
	}
	return true;
}

int xml_guard_fail(const struct xml_guard *guard, bool last, struct error *err)
{
	if (guard->refusal)
		return error_set(err, ERROR_PROTOCOL, "%s is refused: %s", guard->what,
				 guard->refusal);
	if (last && (guard->at_end || !guard->fault[0]))
		return error_set(err, ERROR_PROTOCOL, "%s ends too early: it is no whole XML",
				 guard->what);
	return error_set(err, ERROR_PROTOCOL, "%s is not well-formed XML: line %d: %s", guard->what,
			 guard->line, guard->fault);
}
