/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated DigitalOcean, v2 of its API: private to droplet*.c. Shapes, words and bounds are those
 * of its published definition (github.com/digitalocean/openapi); what that leaves open is in the
 * folder's README. Everything ever made stays in its list, in the order of making, for the ledger.
 */
#ifndef GPUCLOUD_SIMULATOR_CLOUD_DROPLET_H
#define GPUCLOUD_SIMULATOR_CLOUD_DROPLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rng.h"
#include "simulator/cloud/model.h"
#include "simulator/cloud/rest.h"

#define DROPLET_SERVICE	       "digitalocean"
#define DROPLET_API	       "https://api.digitalocean.com/v2" /* links name it, whoever asks */
#define DROPLET_LIMIT	       25				 /* of the account */
#define DROPLET_NAMES_MAX      10				 /* of one request */
#define DROPLET_USER_DATA_MAX  ((size_t)64 << 10)
#define DROPLET_TAG_MAX	       255
#define DROPLET_FIREWALL_RULES 50 /* of one firewall, in and out */
#define DROPLET_FIREWALL_TAGS  5
#define DROPLET_FIREWALL_IDS   10 /* droplets named one by one */
#define DROPLET_TEXT_MAX       255

/* --- what can be asked for: droplet_places.c, droplet_sizes.c, droplet_images.c ------------- */

struct droplet_region {
	const char *slug, *name;
	bool open; /* false: takes no new droplets */
};
const struct droplet_region *droplet_regions(size_t *nr);
const struct droplet_region *droplet_region_find(const char *slug);

struct droplet_size {
	const char *slug, *description;
	unsigned memory_mib, vcpus, disk_gib, scratch_gib, transfer_tib;
	int64_t hourly;		 /* micro-dollars */
	const char *model;	 /* "nvidia_h100", or NULL: no GPU */
	const char *gpu;	 /* as machines know it: "H100"; NULL: none, or none of NVIDIA's */
	unsigned gpus, vram_gib; /* vram: of all of them together */
	const char *regions;	 /* "nyc2 tor1" */
};
const struct droplet_size *droplet_sizes(size_t *nr);
const struct droplet_size *droplet_size_find(const char *slug);

struct droplet_image {
	int64_t id;
	const char *slug, *name, *distribution, *description, *created_at;
	bool nvidia;	  /* its driver is installed */
	bool application; /* else a plain distribution */
	unsigned min_disk_gib;
	double gigabytes;
};
const struct droplet_image *droplet_images(size_t *nr);

/* --- what has been made ---------------------------------------------------------------------- */

struct droplet_list {
	void **v;
	size_t nr, cap;
};
void droplet_list_add(struct droplet_list *list, void *item);
bool droplet_list_has(const struct droplet_list *list, const void *item);
bool droplet_list_drop(struct droplet_list *list, const void *item);
void droplet_list_release(struct droplet_list *list);

struct droplet_tag {
	char *name;
	int64_t began_ms, ended_ms;
};

struct droplet_key {
	int64_t id;
	char *name, *public_key, fingerprint[48];
	int64_t began_ms, ended_ms;
	int64_t seen_ms; /* droplets may name it from then on */
};

enum droplet_status {
	DROPLET_NEW,
	DROPLET_ACTIVE,
	DROPLET_OFF,
};

struct droplet_action {
	int64_t id;
	const char *type; /* "create", "power_off", ...; "destroy" is shown nowhere */
	struct droplet *droplet;
	int64_t started_ms, completed_ms; /* completed 0: in progress */
	bool errored;
	bool stuck, fails; /* a scenario's will */
};

struct droplet {
	int64_t id;
	char id_text[24];
	char *name;
	const struct droplet_size *size;
	const struct droplet_region *region;
	const struct droplet_image *image;
	char *user_data, *public_key; /* or NULL */
	struct droplet_list tags;     /* struct droplet_tag */
	enum droplet_status status;
	bool backups, monitoring, agent, ipv6, public_networking;
	struct droplet_action *event; /* under way: nothing else may begin. NULL: none */
	int64_t due_ms;		      /* it is done then */
	int64_t began_ms;
	int64_t ended_ms; /* its deletion was asked for: it bills no more */
	bool gone;	  /* and has been carried out */
	int64_t seen_ms;  /* lists show it from then on */
	char public_ip[IP_TEXT_MAX], private_ip[IP_TEXT_MAX], public_ip6[48];
};

struct droplet_rule {
	char protocol[5];	       /* "tcp" */
	unsigned from, to;	       /* 0, 0: all ports */
	struct droplet_list addresses; /* char, each allocated */
	struct droplet_list tags;      /* struct droplet_tag */
	struct droplet_list droplets;  /* struct droplet */
};
struct droplet_rules {
	struct droplet_rule *v;
	size_t nr, cap;
};

struct droplet_change { /* of what a firewall guards */
	struct droplet *droplet;
	bool removing;
};

struct droplet_firewall {
	char id[CLOUD_ID_MAX];
	char *name;
	struct droplet_rules in, out; /* none out: nothing gets out of what it guards */
	struct droplet_list tags, droplets;
	struct droplet_change *changes; /* not yet in force */
	size_t nr_changes, cap_changes;
	int64_t due_ms; /* they are then */
	int64_t began_ms, ended_ms;
};

struct droplet_world {
	struct cloud *cloud;
	struct rng_seeded seeded;
	struct rng rng; /* of its own: EC2's ids are the same with and without it */
	struct droplet_list droplets, actions, keys, tags, firewalls;
	int64_t last_id, last_action_id, last_key_id;
	unsigned next_private;
	struct {
		int64_t *v; /* when requests came, in the last hour, from first on; ms */
		size_t first, nr, cap;
	} asked;
	int64_t apply_ms; /* machines are told who may connect, NEVER_MS: they know */
};

/* droplet_state.c */
int64_t droplet_new_id(struct droplet_world *world, int64_t *last);
void droplet_new_uuid(struct droplet_world *world, char out[CLOUD_ID_MAX]);
void droplet_fixed_uuid(const struct droplet_world *world, const char *of, char out[CLOUD_ID_MAX]);
const char *droplet_status_name(const struct droplet *droplet);
int64_t droplet_price(const struct droplet_world *world, const struct droplet_size *size);
/* Made, in the list, and on its way: takes name. */
struct droplet *droplet_make(struct droplet_world *world, char *name,
			     const struct droplet_size *size, const struct droplet_region *region,
			     const struct droplet_image *image);
/* type is static. The droplet has no event under way; call says what a scenario makes of this one. */
struct droplet_action *droplet_begin(struct droplet_world *world, struct droplet *droplet,
				     const char *type, const struct rest_call *call);
void droplet_destroy(struct droplet_world *world, struct droplet *droplet,
		     const struct rest_call *call);
/* True where an event is in the way, and may yet end. */
bool droplet_busy(const struct droplet *droplet);
void droplet_step(void *self);
void droplet_machine_off(void *self, const char *id);
/* droplet_ledger.c */
void droplet_each_resource(void *self, void (*fn)(void *ctx, const struct cloud_resource *resource),
			   void *ctx);

/* droplet_admits.c: what its firewalls let in by TCP; everything where it has none. */
struct droplet_admits {
	struct cloud_admit v[CLOUD_ADMITS_MAX];
	char text[CLOUD_ADMITS_MAX][CIDR_TEXT_MAX];
	size_t nr;
};
void droplet_admits(const struct droplet_world *world, const struct droplet *droplet,
		    struct droplet_admits *ret);
bool droplet_firewall_guards(const struct droplet_firewall *firewall,
			     const struct droplet *droplet);
/* What it guards, or how, has changed: that is in force a little later. before: what it guarded. */
void droplet_firewall_changed(struct droplet_world *world, struct droplet_firewall *firewall,
			      const struct droplet_list *before);
void droplet_firewall_guarded(const struct droplet_world *world,
			      const struct droplet_firewall *firewall, struct droplet_list *ret);
/* A droplet, a tag or a firewall came or went: machines are told in a while. */
void droplet_recheck(struct droplet_world *world);
void droplet_apply(struct droplet_world *world);

/* --- finding: droplet_find.c; NULL with "not found" replied by the need functions ----------- */

struct droplet *droplet_find(const struct droplet_world *world, int64_t id);
struct droplet *droplet_need(const struct droplet_world *world, const struct rest_call *call);
struct droplet_tag *droplet_tag_find(const struct droplet_world *world, const char *name);
struct droplet_tag *droplet_tag_need(const struct droplet_world *world,
				     const struct rest_call *call);
bool droplet_tag_valid(const char *name);
/* The one of that name in whatever capitals, made where there is none. */
struct droplet_tag *droplet_tag_make(struct droplet_world *world, const char *name);
struct droplet_key *droplet_key_find(const struct droplet_world *world, const char *id_or_print);
struct droplet_firewall *droplet_firewall_need(const struct droplet_world *world,
					       const struct rest_call *call);
const struct droplet_image *droplet_image_find(const struct droplet_world *world,
					       const char *id_or_slug);
/* Empty where the size is sold out; text is "nyc2". */
bool droplet_offered(const struct droplet_world *world, const struct droplet_size *size,
		     const struct droplet_region *region);
int64_t droplet_parse_id(const char *text); /* -1: no id */

/* --- reading and writing: droplet_read.c, droplet_out.c -------------------------------------- */

int droplet_refuse(const struct rest_call *call, const char *fmt, ...) /* 422; -1 */
	__attribute__((format(printf, 2, 3)));
int droplet_not_found(const struct rest_call *call); /* 404; -1 */
int droplet_need_body(const struct rest_call *call, const char *const *known);
int droplet_known(const struct rest_call *call, const struct cJSON *node, const char *const *known);

/* Members of an object; -1 with the error written. Absent: ret keeps its value. */
int droplet_read_text(const struct rest_call *call, const struct cJSON *node, const char *name,
		      size_t max, const char **ret);
int droplet_read_bool(const struct rest_call *call, const struct cJSON *node, const char *name,
		      bool *ret);
/* null_ok: null is an empty one. *ret NULL: absent or null. */
int droplet_read_array(const struct rest_call *call, const struct cJSON *node, const char *name,
		       bool null_ok, const struct cJSON **ret);
/* A whole number above 0, or 0: none. */
int64_t droplet_json_id(const struct cJSON *node);
/* Tag names: existing ones only, or made where they are not. Adds struct droplet_tag. */
int droplet_read_tags(struct droplet_world *world, const struct rest_call *call,
		      const struct cJSON *array, struct droplet_list *ret);
int droplet_read_droplets(const struct droplet_world *world, const struct rest_call *call,
			  const struct cJSON *array, struct droplet_list *ret);

/* A page of a list: begin, then ask for each item whether it is on the page, then end. */
struct droplet_listing {
	const struct rest_call *call;
	const char *key, *path; /* "droplets"; below DROPLET_API */
	int64_t page, per_page, total;
	struct cJSON *items;
};
int droplet_listing_begin(struct droplet_listing *listing, const struct rest_call *call,
			  const char *key, const char *path);
bool droplet_listing_wants(struct droplet_listing *listing);
void droplet_listing_end(struct droplet_listing *listing); /* replies */

void droplet_add_time(struct cJSON *to, const char *name, int64_t t_ms);
void droplet_add_strings(struct cJSON *to, const char *name, const struct droplet_list *tags);
void droplet_reply_one(const struct rest_call *call, int status, const char *key,
		       struct cJSON *item);
struct cJSON *droplet_region_json(const struct droplet_world *world,
				  const struct droplet_region *region);
struct cJSON *droplet_size_json(const struct droplet_world *world, const struct droplet_size *size);
struct cJSON *droplet_disks_json(const struct droplet_size *size);
struct cJSON *droplet_gpu_json(const struct droplet_size *size);
struct cJSON *droplet_image_json(const struct droplet_image *image);
struct cJSON *droplet_json(const struct droplet_world *world, const struct droplet *droplet);
struct cJSON *droplet_action_json(const struct droplet_world *world,
				  const struct droplet_action *action);
struct cJSON *droplet_rules_json(const struct droplet_rules *rules, const char *target);

/* droplet_rules.c */
int droplet_rules_read(struct droplet_world *world, const struct rest_call *call,
		       const struct cJSON *body, const char *name, struct droplet_rules *ret);
void droplet_rules_release(struct droplet_rules *rules);
void droplet_rules_cut(struct droplet_rules *rules, size_t i); /* takes one out */
bool droplet_rule_equal(const struct droplet_rule *a, const struct droplet_rule *b);

/* --- the handlers, as the table in droplet.c has them ---------------------------------------- */

void droplet_get_account(void *self, struct rest_call *call);
void droplet_list_regions(void *self, struct rest_call *call);
void droplet_list_sizes(void *self, struct rest_call *call);
void droplet_list_images(void *self, struct rest_call *call);
void droplet_get_image(void *self, struct rest_call *call);
void droplet_create(void *self, struct rest_call *call);
void droplet_list_all(void *self, struct rest_call *call);
void droplet_get(void *self, struct rest_call *call);
void droplet_delete(void *self, struct rest_call *call);
void droplet_delete_tagged(void *self, struct rest_call *call);
void droplet_act(void *self, struct rest_call *call);
void droplet_list_actions(void *self, struct rest_call *call);
void droplet_get_its_action(void *self, struct rest_call *call);
void droplet_get_action(void *self, struct rest_call *call);
void droplet_list_tags(void *self, struct rest_call *call);
void droplet_create_tag(void *self, struct rest_call *call);
void droplet_get_tag(void *self, struct rest_call *call);
void droplet_delete_tag(void *self, struct rest_call *call);
void droplet_tag_things(void *self, struct rest_call *call); /* both ways, by the method */
void droplet_list_keys(void *self, struct rest_call *call);
void droplet_create_key(void *self, struct rest_call *call);
void droplet_get_key(void *self, struct rest_call *call);
void droplet_delete_key(void *self, struct rest_call *call);
void droplet_list_firewalls(void *self, struct rest_call *call);
void droplet_create_firewall(void *self, struct rest_call *call);
void droplet_get_firewall(void *self, struct rest_call *call);
void droplet_update_firewall(void *self, struct rest_call *call);
void droplet_delete_firewall(void *self, struct rest_call *call);
void droplet_add_rules(void *self, struct rest_call *call);
void droplet_drop_rules(void *self, struct rest_call *call);
/* Both ways, by the method. */
void droplet_change_firewall_tags(void *self, struct rest_call *call);
void droplet_change_guarded(void *self, struct rest_call *call);

#endif
