/* SPDX-License-Identifier: Apache-2.0 */
/* `gpu-selftest train`: a training as a job on a rented machine, with a line for each epoch. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu-selftest/src/train_files.h"

struct training {
	struct progress progress;
	struct net net;
	double started, saved;
	char sha256[65];
	char error[512];
};

/* The signal that asks for the end; 0: none did */
static volatile sig_atomic_t asked;

static void on_signal(int signal_number)
{
	asked = signal_number;
}

/* The second of a kind ends the program at once. */
static void listen_to_signals(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = SA_RESTART | (int)SA_RESETHAND;
	sigemptyset(&action.sa_mask);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	/* a reader that went away is seen when writing fails, and ends no training */
	signal(SIGPIPE, SIG_IGN);
}

static int device_failed(struct training *t)
{
	snprintf(t->error, sizeof(t->error), "%s failed: %s", t->progress.device->name,
		 t->net.e->error);
	return EXIT_UNKNOWN;
}

static int save(struct training *t, const char *state)
{
	struct progress *p = &t->progress;
	p->state = state;
	p->seconds = record_clock() - t->started;
	t->saved = record_clock();
	if (p->options->out == NULL)
		return 0;
	return train_save(p, t->sha256, t->error, sizeof(t->error)) != 0 ? EXIT_BUG : 0;
}

/* The steps of one epoch, fewer where a signal comes. Their number is added to the progress. */
static int run_steps(struct training *t)
{
	struct progress *p = &t->progress;
	unsigned done = 0;
	while (done < p->per_epoch && asked == 0) {
		if (net_step(&t->net, done, done, p->options->rate) != 0)
			return -1;
		done++;
	}
	if (done == 0)
		return 0;
	if (net_losses(&t->net, done, p->loss + p->steps) != 0)
		return -1;
	p->steps += done;
	p->epochs++;
	return 0;
}

/* How good it is now, on one line. */
static int judge(struct training *t)
{
	struct progress *p = &t->progress;
	struct net_score score;
	unsigned epoch = p->epochs - 1, part = p->steps % p->per_epoch;
	if (net_score(&t->net, p->options->model->held_out, &score) != 0 ||
	    net_get_weights(&t->net, p->weights) != 0)
		return -1;
	p->accuracy[epoch] = (float)score.correct / (float)score.rows;
	p->auc = score.auc;
	printf("epoch %*u/%u  loss %.4f  accuracy %.4f",
	       p->options->epochs > 99	? 4
	       : p->options->epochs > 9 ? 2
					: 1,
	       p->epochs, p->options->epochs, train_epoch_loss(p, epoch),
	       (double)p->accuracy[epoch]);
	if (isfinite(score.auc))
		printf("  AUC %.4f", score.auc);
	if (part != 0)
		printf("  (%u of %u steps)", part, p->per_epoch);
	printf("  %.1f s\n", record_clock() - t->started);
	return 0;
}

static bool diverged(const struct progress *p)
{
	for (unsigned i = (p->epochs - 1) * p->per_epoch; i < p->steps; i++)
		if (!isfinite(p->loss[i]))
			return true;
	for (unsigned i = 0; i < model_weights(p->options->model); i++)
		if (!isfinite(p->weights[i]))
			return true;
	return false;
}

static int run_epochs(struct training *t)
{
	struct progress *p = &t->progress;
	int code = save(t, "running"); /* replaces what an earlier training left */
	while (code == 0 && p->epochs < p->options->epochs && asked == 0) {
		unsigned before = p->epochs;
		if (run_steps(t) != 0)
			return device_failed(t);
		if (p->epochs == before)
			break;
		if (judge(t) != 0)
			return device_failed(t);
		if (diverged(p)) {
			code = save(t, "diverged");
			snprintf(t->error, sizeof(t->error),
				 "the loss is no number any more; try a smaller --rate");
			return code != 0 ? code : TRAIN_DIVERGED;
		}
		if (record_clock() - t->saved >= TRAIN_SECONDS_OF_A_SAVE)
			code = save(t, "running");
	}
	if (code != 0)
		return code;
	bool whole = p->steps == p->options->epochs * p->per_epoch;
	return save(t, whole ? "done" : "interrupted");
}

static void tell_start(const struct progress *p)
{
	const struct train_options *o = p->options;
	device_tell(p->device, o->model->name);
	printf("%u weights, %u %s, %u epoch%s of %u step%s, rate %g, seed %llu\n",
	       model_weights(o->model), o->samples, o->model->samples_are, o->epochs,
	       o->epochs == 1 ? "" : "s", p->per_epoch, p->per_epoch == 1 ? "" : "s",
	       (double)o->rate, (unsigned long long)o->seed);
}

static int allocate(struct progress *p)
{
	const struct train_options *o = p->options;
	p->loss = calloc((size_t)o->epochs * p->per_epoch, sizeof(*p->loss));
	p->accuracy = calloc(o->epochs, sizeof(*p->accuracy));
	p->weights = calloc(model_weights(o->model), sizeof(*p->weights));
	return p->loss != NULL && p->accuracy != NULL && p->weights != NULL ? 0 : -1;
}

static int train(struct training *t, struct device *d)
{
	struct progress *p = &t->progress;
	const struct model *m = p->options->model;
	unsigned held_out = (m->held_out + LENET_BATCH - 1) / LENET_BATCH;
	if (allocate(p) != 0) {
		snprintf(t->error, sizeof(t->error), "no memory");
		return EXIT_BUG;
	}
	tell_start(p);
	if (net_open(&t->net, d->engine, m, p->per_epoch, held_out, p->per_epoch) != 0 ||
	    net_seed(&t->net, p->options->seed) != 0 || net_get_weights(&t->net, p->weights) != 0)
		return device_failed(t);
	t->started = record_clock();
	int code = run_epochs(t);
	if (code == 0 && p->options->out != NULL)
		printf("%s/weights.bin: SHA-256 %s\n", p->options->out, t->sha256);
	return code;
}

/* By the signal itself, so that whoever waits for this process sees what ended it. */
static void end_by_signal(void)
{
	fprintf(stderr, "gpu-selftest: interrupted\n");
	signal(asked, SIG_DFL);
	raise(asked);
}

int train_main(int argc, char **argv)
{
	static struct device device;
	static struct training t;
	struct train_options o;
	int code = train_options_parse(&o, argc, argv);
	if (code >= 0)
		return fflush(stdout) != 0 ? EXIT_BUG : code;
	setvbuf(stdout, NULL, _IOLBF, 0);
	listen_to_signals();
	t.progress = (struct progress){
		.options = &o, .device = &device, .per_epoch = o.samples / LENET_BATCH, .auc = NAN
	};
	if (o.out != NULL && train_folder(o.out, t.error, sizeof(t.error)) != 0) {
		code = EXIT_BUG;
	} else if (device_open(&device, o.device, t.error, sizeof(t.error)) != 0) {
		code = EXIT_UNKNOWN;
	} else {
		code = train(&t, &device);
		net_close(&t.net);
		device_close(&device);
	}
	free(t.progress.loss);
	free(t.progress.accuracy);
	free(t.progress.weights);
	if (code == 0 && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
		snprintf(t.error, sizeof(t.error), "the output could not be written");
		code = EXIT_BUG;
	}
	if (code != 0)
		fprintf(stderr, "gpu-selftest: %s\n", t.error);
	else if (asked != 0)
		end_by_signal();
	return code;
}
