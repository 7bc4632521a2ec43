/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/serve/wire.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "simulator/cloud/service.h"

void wire_add(struct wire *wire, const struct wire_fault *fault)
{
	if (fault->kind == WIRE_SKEW) {
		wire->skew_ms = fault->skew_ms;
		return;
	}
	wire->v = xgrow(wire->v, wire->nr, &wire->cap, sizeof(*wire->v));
	wire->v[wire->nr++] = *fault;
}

static bool concerns(const struct wire_fault *fault, const struct route *route)
{
	return (!*fault->service || strcmp(fault->service, route->service) == 0) &&
	       (!*fault->action || strcmp(fault->action, route->action) == 0);
}

struct wire_fault wire_next(struct wire *wire, const struct route *route)
{
	struct wire_fault due = { .kind = WIRE_NONE };

	for (size_t i = 0; i < wire->nr; i++) {
		struct wire_fault *fault = &wire->v[i];
		uint64_t first = fault->first ? fault->first : 1;

		if (!concerns(fault, route))
			continue;
		fault->seen++;
		if (due.kind == WIRE_NONE && fault->seen >= first &&
		    (fault->count == 0 || fault->seen - first < fault->count))
			due = *fault;
	}
	return due;
}

void wire_release(struct wire *wire)
{
	free(wire->v);
	*wire = (struct wire){ 0 };
}
