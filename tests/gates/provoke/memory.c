// SPDX-License-Identifier: GPL-2.0-only
/* What KASAN, UBSAN, kmemleak and the page allocator have to find. */
#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "module.h"

#define SIZE 40	/* of no other object here, so that reports are told apart */

/* Out of line, so that the compiler sees no allocation behind the pointer. */
static noinline void use(const char *byte)
{
	READ_ONCE(*byte);
}

static int slab_use_after_free(int number)
{
	char *object = kmalloc(SIZE, GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	kfree(object);
	use(object);
	return 0;
}

static int slab_out_of_bounds(int number)
{
	char *object = kmalloc(SIZE, GFP_KERNEL);

	if (!object)
		return -ENOMEM;
	use(object + SIZE);
	kfree(object);
	return 0;
}

static int vmalloc_out_of_bounds(int number)
{
	char *object = vmalloc(SIZE);

	if (!object)
		return -ENOMEM;
	use(object + SIZE);
	vfree(object);
	return 0;
}

static int page_use_after_free(int number)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return -ENOMEM;
	__free_page(page);
	use(page_address(page));
	return 0;
}

/* The allocator keeps such a page for itself. */
static int bad_page(int number)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return -ENOMEM;
	lock_page(page);
	__free_page(page);
	return 0;
}

static int shift(int number)
{
	int bits = 40;
	int result;

	OPTIMIZER_HIDE_VAR(bits);
	result = 1 << bits;
	OPTIMIZER_HIDE_VAR(result);
	return 0;
}

/* Within the object, where KASAN has nothing to say. */
struct array {
	int elements[4];
	int behind[4];
};

static int array_bounds(int number)
{
	struct array *array = kzalloc(sizeof(*array), GFP_KERNEL);
	int index = ARRAY_SIZE(array->elements) + 1;

	if (!array)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(index);
	array->elements[index] = 1;
	kfree(array);
	return 0;
}

static int bool_value(int number)
{
	unsigned char byte = 2;
	const bool *value = (const bool *)&byte;
	bool loaded;

	OPTIMIZER_HIDE_VAR(value);
	loaded = *value;
	OPTIMIZER_HIDE_VAR(loaded);
	return 0;
}

/* No pointer to it stays anywhere: it is gone with the frame of this function. */
static noinline int lose(size_t size)
{
	return kmalloc(size, GFP_KERNEL) ? 0 : -ENOMEM;
}

static int small_leak(int number)
{
	return lose(16);
}

const struct bug memory_bugs[] = {
	{ "slab_use_after_free", slab_use_after_free },
	{ "slab_out_of_bounds", slab_out_of_bounds },
	{ "vmalloc_out_of_bounds", vmalloc_out_of_bounds },
	{ "page_use_after_free", page_use_after_free },
	{ "bad_page", bad_page },
	{ "shift", shift },
	{ "array_bounds", array_bounds },
	{ "bool_value", bool_value },
	{ "small_leak", small_leak },
	{ }
};
