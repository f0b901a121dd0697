// SPDX-License-Identifier: GPL-2.0-only
/*
 * What memory all buffers may take together, and how much of it a user: that one of them
 * takes all leaves others nothing. A buffer whose memory is back still is an object, which
 * any descriptor keeps; so those have the same limits, by themselves.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "pages.h"

static unsigned int limit_mb;
module_param(limit_mb, uint, 0644);
MODULE_PARM_DESC(limit_mb,
		 "Memory that all buffers together may take, in MiB (0: half of the RAM)");

/* A user who has buffers. Freed with the last of what they take. */
struct dbr_account {
	kuid_t uid;			/* constant */

	/* dbr_account_lock. */
	struct rb_node node;		/* dbr_accounts */
	u64 bytes[DBR_CHARGES];
};

static DEFINE_SPINLOCK(dbr_account_lock);
static struct rb_root dbr_accounts = RB_ROOT;	/* dbr_account_lock; ascending by uid */
static u64 dbr_bytes[DBR_CHARGES];		/* dbr_account_lock; of all accounts */

/* Bytes that all buffers together may take. */
u64 dbr_account_limit(void)
{
	unsigned int mb = READ_ONCE(limit_mb);

	return mb ? (u64)mb << 20 : (u64)totalram_pages() / 2 << PAGE_SHIFT;
}

/* Bytes that they take, as memory. */
u64 dbr_account_memory(void)
{
	u64 bytes;

	spin_lock(&dbr_account_lock);
	bytes = dbr_bytes[DBR_CHARGE_MEMORY];
	spin_unlock(&dbr_account_lock);
	return bytes;
}

static int dbr_account_cmp(struct rb_node *a, const struct rb_node *b)
{
	uid_t uid_a = __kuid_val(rb_entry(a, struct dbr_account, node)->uid);
	uid_t uid_b = __kuid_val(rb_entry(b, struct dbr_account, node)->uid);

	return uid_a < uid_b ? -1 : uid_a > uid_b;
}

/* The user's account: @fresh, unless there is one. */
static struct dbr_account *dbr_account_of(struct dbr_account *fresh)
{
	struct rb_node *node;

	lockdep_assert_held(&dbr_account_lock);
	node = rb_find_add(&fresh->node, &dbr_accounts, dbr_account_cmp);
	return node ? rb_entry(node, struct dbr_account, node) : fresh;
}

/* A user who has none is dropped. */
static void dbr_account_settle(struct dbr_account *account)
{
	lockdep_assert_held(&dbr_account_lock);
	if (account->bytes[DBR_CHARGE_MEMORY] || account->bytes[DBR_CHARGE_OBJECTS])
		return;
	rb_erase(&account->node, &dbr_accounts);
	kfree(account);
}

static bool dbr_fits(u64 bytes, u64 more, u64 limit)
{
	return more <= limit && bytes <= limit - more;
}

static bool dbr_account_fits(const struct dbr_account *account, enum dbr_charge what,
			     u64 more, bool exempt)
{
	u64 limit = dbr_account_limit();

	lockdep_assert_held(&dbr_account_lock);
	return dbr_fits(dbr_bytes[what], more, limit) &&
	       (exempt || dbr_fits(account->bytes[what], more, limit / 2));
}

/**
 * dbr_account_charge - count pages that are about to be allocated
 * @what: for what
 * @nr_pages: how many; not 0
 *
 * Return: the caller's account, which gives them back, or an ERR_PTR: -ENOMEM.
 */
struct dbr_account *dbr_account_charge(enum dbr_charge what, pgoff_t nr_pages)
{
	u64 bytes = (u64)nr_pages << PAGE_SHIFT;
	struct dbr_account *fresh, *account;
	bool exempt, fits;

	fresh = kzalloc_obj(*fresh, GFP_CALLER);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->uid = current_euid();
	/* Who lacks it has not been denied anything yet. */
	exempt = ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);

	spin_lock(&dbr_account_lock);
	account = dbr_account_of(fresh);
	if (account != fresh)
		kfree(fresh);
	fits = dbr_account_fits(account, what, bytes, exempt);
	if (fits) {
		dbr_bytes[what] += bytes;
		account->bytes[what] += bytes;
	}
	dbr_account_settle(account);
	spin_unlock(&dbr_account_lock);
	return fits ? account : ERR_PTR(-ENOMEM);
}

/* They have been freed. The account may be gone after that. */
void dbr_account_uncharge(struct dbr_account *account, enum dbr_charge what,
			  pgoff_t nr_pages)
{
	u64 bytes = (u64)nr_pages << PAGE_SHIFT;

	spin_lock(&dbr_account_lock);
	dbr_bytes[what] -= bytes;
	account->bytes[what] -= bytes;
	dbr_account_settle(account);
	spin_unlock(&dbr_account_lock);
}
