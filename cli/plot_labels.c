/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/plot_parts.h"
#include "core/mem.h"

/* Labels that touch move as one: the least squares of their moves is their mean place. */
struct block {
	double sum; /* of the places each would have the first one of all at */
	size_t nr;
};

static int by_place(const void *a, const void *b)
{
	const struct plot_label *x = *(struct plot_label *const *)a;
	const struct plot_label *y = *(struct plot_label *const *)b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x > y) - (x < y);
}

/* All of v, which is in order, by isotonic regression (pool adjacent violators). */
static void spread(struct plot_label **v, size_t nr, double height, double end)
{
	struct block *blocks = xcalloc(nr + 1, sizeof(*blocks));
	size_t nr_blocks = 0, at = 0;

	for (size_t i = 0; i < nr; i++) {
		struct block block = { v[i]->at - (double)i * height, 1 };

		while (nr_blocks) {
			struct block *before = &blocks[nr_blocks - 1];

			if (before->sum / (double)before->nr <= block.sum / (double)block.nr)
				break;
			block.sum += before->sum;
			block.nr += before->nr;
			nr_blocks--;
		}
		blocks[nr_blocks++] = block;
	}
	double room = end - (double)(nr - 1) * height;
	for (size_t b = 0; b < nr_blocks; b++) {
		double place = blocks[b].sum / (double)blocks[b].nr;

		place = fmax(0, fmin(room, place));
		for (size_t k = 0; k < blocks[b].nr; k++, at++)
			v[at]->placed = place + (double)at * height;
	}
	free(blocks);
}

/* The one to drop, or nr where all found their place. */
static size_t worst(struct plot_label **v, size_t nr, double height, double reach, double end)
{
	bool fits = (double)(nr - 1) * height <= end + 1e-9;
	size_t found = nr;

	for (size_t i = 0; i < nr; i++)
		if (fabs(v[i]->placed - v[i]->at) > reach + 1e-9)
			fits = false;
	if (fits)
		return nr;
	for (size_t i = 0; i < nr; i++) {
		if (found == nr || v[i]->strong < v[found]->strong ||
		    (v[i]->strong == v[found]->strong &&
		     fabs(v[i]->placed - v[i]->at) > fabs(v[found]->placed - v[found]->at)))
			found = i;
	}
	return found;
}

void plot_labels_place(struct plot_label *v, size_t nr, double height, double reach, double end)
{
	struct plot_label **order = xcalloc(nr + 1, sizeof(struct plot_label *));
	size_t drop;

	for (size_t i = 0; i < nr; i++)
		order[i] = &v[i];
	qsort(order, nr, sizeof(struct plot_label *), by_place);
	while (nr) {
		spread(order, nr, height, end);
		drop = worst(order, nr, height, reach, end);
		if (drop == nr)
			break;
		order[drop]->placed = NAN;
		nr--;
		memmove(order + drop, order + drop + 1, (nr - drop) * sizeof(struct plot_label *));
	}
	free(order);
}

const struct plot_rule *plot_rule_find(const struct plot *plot, const char *label)
{
	for (size_t i = 0; i < plot->nr_rules; i++)
		if (strcmp(plot->rules[i].label, label) == 0)
			return &plot->rules[i];
	return NULL;
}
