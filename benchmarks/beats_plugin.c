/* beats_plugin.c: a plugin of QEMU that counts instructions, and apart those at given addresses.
 *
 *     -plugin file=./beats_plugin.so,wide=FILE,notes=FILE,counts=FILE
 *
 * `wide` and `notes` hold addresses, ascending, as uint32_t. What lies at the first is counted apart.
 * Whenever what lies at one of the second is about to run, `counts` gets its address, the instructions
 * that ran before it, and how many of them were wide: three uint64_t.
 *
 * Debian's QEMU loads plugins but has no package with the header of their interface. Declared here is
 * what is used of it, from QEMU's manual ("QEMU TCG Plugins"). */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

typedef void (*qemu_plugin_vcpu_tb_trans_cb_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int core, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           qemu_plugin_vcpu_tb_trans_cb_t call);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            qemu_plugin_vcpu_udata_cb_t call,
                                            enum qemu_plugin_cb_flags flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);

/* What QEMU looks for in a plugin. */
extern const int qemu_plugin_version;
const int qemu_plugin_version = 1;
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count, char **arguments);

typedef struct {
    uint32_t *values;
    size_t count;
} addresses_t;

static addresses_t wide;
static addresses_t notes;
static FILE *counts;
static uint64_t ran;
static uint64_t wide_ran;

static void count_one(unsigned int core, void *data) {
    (void)core;
    (void)data;
    ran++;
}

static void count_wide(unsigned int core, void *data) {
    (void)core;
    (void)data;
    ran++;
    wide_ran++;
}

static void note(unsigned int core, void *data) {
    const uint64_t line[3] = {(uintptr_t)data, ran, wide_ran};
    (void)core;
    fwrite(line, sizeof line, 1, counts);
}

static int compare(const void *a, const void *b) {
    const uint32_t left = *(const uint32_t *)a;
    const uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static bool holds(const addresses_t *addresses, uint32_t address) {
    return bsearch(&address, addresses->values, addresses->count, sizeof address, compare) != NULL;
}

/* A call before each instruction, in place of additions inlined into the block: exact where a block
 * ends early, and the interface for those differs between QEMU's versions. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
        struct qemu_plugin_insn *const instruction = qemu_plugin_tb_get_insn(block, i);
        const uint32_t address = (uint32_t)qemu_plugin_insn_vaddr(instruction);
        if (holds(&notes, address)) {
            qemu_plugin_register_vcpu_insn_exec_cb(instruction, note, QEMU_PLUGIN_CB_NO_REGS,
                                                   (void *)(uintptr_t)address);
        }
        qemu_plugin_register_vcpu_insn_exec_cb(instruction,
                                               holds(&wide, address) ? count_wide : count_one,
                                               QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

/* False if the file cannot be read. */
static bool read_addresses(const char *path, addresses_t *addresses) {
    enum { CAPACITY = 1 << 20 };
    FILE *const file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    addresses->values = malloc(CAPACITY * sizeof *addresses->values);
    if (addresses->values != NULL) {
        addresses->count = fread(addresses->values, sizeof *addresses->values, CAPACITY, file);
    }
    fclose(file);
    return addresses->values != NULL;
}

/* What stands behind `key` and "=", or NULL. */
static const char *value_of(const char *key, const char *argument) {
    const size_t length = strlen(key);
    return strncmp(argument, key, length) == 0 && argument[length] == '=' ? argument + length + 1
                                                                          : NULL;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count, char **arguments) {
    (void)info;
    for (int i = 0; i < count; i++) {
        const char *path;
        if ((path = value_of("wide", arguments[i])) != NULL) {
            if (!read_addresses(path, &wide)) {
                return 1;
            }
        } else if ((path = value_of("notes", arguments[i])) != NULL) {
            if (!read_addresses(path, &notes)) {
                return 1;
            }
        } else if ((path = value_of("counts", arguments[i])) != NULL) {
            counts = fopen(path, "wb");
        }
    }
    if (counts == NULL || wide.values == NULL || notes.values == NULL) {
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
