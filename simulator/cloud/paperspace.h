/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the simulated Paperspace holds: private to paperspace*.c. Modelled on version 1 of the API as
 * https://docs.digitalocean.com/reference/paperspace/api-reference/ describes it in 2026, and on the
 * types of Paperspace's own client (Paperspace/cli, api/openapi.ts). Everything ever made stays in
 * its list, in the order of making, for the ledger; an ended one is not shown.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_PAPERSPACE_H
#define GPUCLOUD_SIMULATOR_CLOUD_PAPERSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulator/cloud/model.h"
#include "simulator/cloud/rest.h"

struct cJSON;

#define PAPER_SERVICE	   "paperspace"
#define PAPER_NAME_MAX	   255
#define PAPER_ID_MAX	   CLOUD_ID_MAX
#define PAPER_MACHINES_MAX 200 /* of the team, at once */
#define PAPER_TEMPLATES	   5

/* --- paperspace_types.c: what can be asked for --------------------------------------------- */

enum paper_region {
	PAPER_NY2,
	PAPER_CA1,
	PAPER_AMS1,
	PAPER_REGIONS
};

struct paper_type {
	const char *name; /* "P4000" */
	const char *gpu;  /* as simulated machines know it; NULL: none */
	const char *accelerator;
	unsigned gpus, gpu_gib, cpus, ram_gib;
	unsigned regions;     /* bits of enum paper_region */
	int64_t usd_per_hour; /* micro-dollars */
};
const struct paper_type *paper_types(size_t *nr);
const struct paper_type *paper_type_find(const char *name); /* NULL: none of that name */

/* "ny2" */
const char *paper_region_name(enum paper_region region);
/* "East Coast (NY2)", or "NY2" where the scenario says so. */
const char *paper_region_label(const struct cloud *cloud, enum paper_region region);
/* Whichever spelling is taken now; -1: none of ours. */
int paper_region_parse(const struct cloud *cloud, const char *text);

/* Micro-dollars per hour of a disk; -1: no such size. */
int64_t paper_disk_price(int64_t gb);

struct paper_template {
	char id[PAPER_ID_MAX];
	const char *name, *os;
	unsigned default_gb;
	bool gpu; /* for machines with a GPU; else for those without */
};

/* --- what there is ------------------------------------------------------------------------- */

enum paper_state {
	PAPER_OFF,
	PAPER_STARTING,
	PAPER_STOPPING,
	PAPER_RESTARTING,
	PAPER_SERVICEREADY,
	PAPER_READY,
	PAPER_UPGRADING,
	PAPER_PROVISIONING
};
const char *paper_state_name(enum paper_state state);

enum paper_progress {
	PAPER_NEW,
	PAPER_IN_PROGRESS,
	PAPER_DONE,
	PAPER_ERROR,
	PAPER_CANCELLED
};

/* An operation on a machine, which clients poll. It lags: the machine has long changed when it is
 * done. */
struct paper_event {
	char id[PAPER_ID_MAX], machine_id[PAPER_ID_MAX];
	const char *name; /* "create" */
	enum paper_progress progress;
	char *error;				     /* in the end; NULL: it ends well */
	int64_t created_ms, started_ms, finished_ms; /* 0: not yet */
	int64_t begin_ms, act_ms, end_ms;	     /* when each falls due; NEVER_MS: stuck */
};

struct paper_script {
	char id[PAPER_ID_MAX];
	char *name, *text;
	bool run_once, enabled;
	int64_t began_ms, ended_ms;
};

struct paper_address { /* a static one */
	char ip[IP_TEXT_MAX];
	enum paper_region region;
	struct paper_machine *machine; /* NULL: with none */
	char *label;		       /* of the machine it was made for, for the ledger; or NULL */
	bool hidden;		       /* until that machine is on the network */
	int64_t began_ms, ended_ms;
};

struct paper_snapshot {
	char id[PAPER_ID_MAX];
	struct paper_machine *machine;
	int64_t began_ms, ended_ms;
};

enum paper_ip { /* publicIpType */
	PAPER_IP_STATIC,
	PAPER_IP_DYNAMIC,
	PAPER_IP_NONE
};

struct paper_machine {
	char id[PAPER_ID_MAX];
	char *name;
	struct cloud_tag tag; /* name = the name, for the ledger */
	const struct paper_type *type;
	const struct paper_template *template;
	enum paper_region region;
	unsigned disk_gb;
	enum paper_state state;
	struct paper_event *op;	 /* under way, or NULL */
	enum paper_state resume; /* where a failed operation leaves it */
	int64_t ready_ms;	 /* serviceready until then */
	int64_t on_ms;		 /* on since then; 0: it is not */
	int64_t visible_ms;
	int64_t began_ms, ended_ms, modified_ms;
	enum paper_ip ip_type;
	char reach[IP_TEXT_MAX]; /* where its machine answers; "": nowhere */
	char public_ip[IP_TEXT_MAX], private_ip[IP_TEXT_MAX];
	struct paper_address *address; /* its static one, or NULL */
	bool auto_off, auto_force;
	int64_t auto_hours; /* 0: none said */
	struct paper_script *script;
	bool script_ran;      /* that script, on this machine */
	bool start, snapshot; /* once it is made */
};

struct paperspace {
	struct cloud *cloud;
	char *key, *read_key;
	char team[PAPER_ID_MAX], user[PAPER_ID_MAX];
	struct paper_template templates[PAPER_TEMPLATES];
	struct paper_machine **machines;
	struct paper_event **events;
	struct paper_script **scripts;
	struct paper_address **addresses;
	struct paper_snapshot **snapshots;
	size_t nr_machines, nr_events, nr_scripts, nr_addresses, nr_snapshots;
	size_t cap_machines, cap_events, cap_scripts, cap_addresses, cap_snapshots;
};

/* prefix and n random characters; out has PAPER_ID_MAX bytes. */
void paper_new_id(struct paperspace *ps, const char *prefix, size_t n, char *out);
/* NULL: gone, or nothing of that id; machines also before they are visible. */
struct paper_machine *paper_machine_find(const struct paperspace *ps, const char *id);
struct paper_script *paper_script_find(const struct paperspace *ps, const char *id);
const struct paper_template *paper_template_find(const struct paperspace *ps, const char *id);
bool paper_template_gone(const struct paperspace *ps, const struct paper_template *template);
bool paper_machine_shown(const struct paperspace *ps, const struct paper_machine *machine);

/* --- paperspace_state.c: changes ----------------------------------------------------------- */

struct paper_machine *paper_machine_new(struct paperspace *ps);
/* Begins an operation: state is what it shows meanwhile. turn may be NULL: nobody asked. */
struct paper_event *paper_begin(struct paperspace *ps, struct paper_machine *machine,
				const char *name, enum paper_state state,
				const struct fault_turn *turn);
/* A static address; machine may be NULL. */
struct paper_address *paper_address_new(struct paperspace *ps, enum paper_region region,
					struct paper_machine *machine);
void paper_address_assign(struct paperspace *ps, struct paper_address *address,
			  struct paper_machine *machine);
/* As publicIpType says, for a machine in the state it is in. */
void paper_network(struct paperspace *ps, struct paper_machine *machine);
bool paper_available(const struct cloud *cloud, const struct paper_type *type,
		     enum paper_region region);
/* Looks at auto-shutdown afresh. */
void paper_rethink(struct paperspace *ps, const struct paper_machine *machine);
bool paper_is_on(const struct paper_machine *machine);
void paper_step(void *self);
void paper_machine_off(void *self, const char *id);
void paper_each_resource(void *self, void (*fn)(void *ctx, const struct cloud_resource *resource),
			 void *ctx);

/* --- paperspace_read.c: bodies and queries ------------------------------------------------- */

/* Collects what is wrong with a request, to say all of it at once. */
struct paper_input {
	const struct rest_call *call;
	struct cJSON *issues; /* NULL: none so far */
};
void paper_issue(struct paper_input *in, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Members: absent leaves *ret as it is, and is an issue where required. True: it was there, and good. */
bool paper_text(struct paper_input *in, const char *name, size_t max, bool required,
		const char **ret);
bool paper_flag(struct paper_input *in, const char *name, bool *ret);
bool paper_count(struct paper_input *in, const char *name, int64_t min, int64_t max, bool required,
		 int64_t *ret);
/* One of words (NULL-terminated): *ret is its place. */
bool paper_word(struct paper_input *in, const char *name, const char *const *words, int *ret);
/* A member that may not be true (or a list that may not hold anything): not simulated. */
void paper_unsupported(struct paper_input *in, const char *name);
/* -1 with the error written where anything was wrong. Frees what was collected. */
int paper_good(struct paper_input *in);

/* Sets rest_cloud's error() and issue(). */
void paper_error(struct cloud_reply *reply, int status, const char *code, const char *message);
void paper_error_issue(struct cloud_reply *reply, const char *name, const char *message);

/* --- paperspace_out.c: replies ------------------------------------------------------------- */

void paper_out_time(struct cJSON *node, const char *name, int64_t ms); /* 0: null */
struct cJSON *paper_out_machine(const struct paperspace *ps, const struct paper_machine *machine);
struct cJSON *paper_out_event(const struct paper_event *event);
/* {"data": machine, "event": event}; event may be NULL. */
void paper_reply_op(const struct paperspace *ps, const struct rest_call *call,
		    const struct paper_machine *machine, const struct paper_event *event);

/* One page of a list by after, limit, orderBy and order. Rows are in the order of making. */
struct paper_row {
	const char *key; /* by which it is ordered; NULL: the order of making */
	size_t index;	 /* among all ever made */
	const void *item;
};
struct paper_page {
	struct paperspace *ps;
	const char *name;	    /* "machines": page tokens are for one list */
	const char *const *filters; /* its own query parameters, NULL-terminated */
	const char *const *orders;  /* what it can be ordered by, NULL-terminated; the first is
				       * the default */
	size_t nr;		    /* of all ever made */
	const void *(*item)(const struct paperspace *ps, size_t i);
	/* Whether it is in the list that was asked for, and its key by orders[by]. */
	bool (*in)(const struct paper_page *page, const struct rest_call *call, const void *item);
	const char *(*key)(const void *item, const char *by);
	struct cJSON *(*out)(const struct paperspace *ps, const void *item);
	int region; /* of the query's region, or -1: any */
};
void paper_list(struct paper_page *page, struct rest_call *call);

/* --- the actions --------------------------------------------------------------------------- */

void paper_list_machines(void *self, struct rest_call *call);
void paper_get_machine(void *self, struct rest_call *call);
void paper_create_machine(void *self, struct rest_call *call);
void paper_update_machine(void *self, struct rest_call *call);
void paper_delete_machine(void *self, struct rest_call *call);
void paper_start_machine(void *self, struct rest_call *call);
void paper_stop_machine(void *self, struct rest_call *call);
void paper_restart_machine(void *self, struct rest_call *call);
void paper_list_events(void *self, struct rest_call *call);
void paper_get_event(void *self, struct rest_call *call);
void paper_list_ips(void *self, struct rest_call *call);
void paper_claim_ip(void *self, struct rest_call *call);
void paper_assign_ip(void *self, struct rest_call *call);
void paper_release_ip(void *self, struct rest_call *call);
void paper_list_scripts(void *self, struct rest_call *call);
void paper_get_script(void *self, struct rest_call *call);
void paper_create_script(void *self, struct rest_call *call);
void paper_update_script(void *self, struct rest_call *call);
void paper_delete_script(void *self, struct rest_call *call);
void paper_assign_script(void *self, struct rest_call *call);
void paper_unassign_script(void *self, struct rest_call *call);
void paper_list_snapshots(void *self, struct rest_call *call);
void paper_list_os_templates(void *self, struct rest_call *call);
void paper_list_custom_templates(void *self, struct rest_call *call);
void paper_list_networks(void *self, struct rest_call *call);
void paper_get_availability(void *self, struct rest_call *call);
void paper_get_standing(void *self, struct rest_call *call);
void paper_get_session(void *self, struct rest_call *call);

#endif
