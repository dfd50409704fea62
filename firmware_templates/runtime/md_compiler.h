/* md_compiler.h: where data lies, and what the compiler must know of it.
 *
 * The linker script that is generated from the board file places the sections named here. On the host
 * the attributes only set the alignment. */
#ifndef MD_COMPILER_H
#define MD_COMPILER_H

#if defined(__ARM_ARCH) && !defined(__linux__)
#define MD_SECTION(name) __attribute__((section(name)))
#else
#define MD_SECTION(name)
#endif

#define MD_ALIGNED __attribute__((aligned(16)))

/* Constants of the model: packed weights, biases, multipliers, tables. */
#define MD_MODEL_CONST MD_SECTION(".model") MD_ALIGNED

/* What else is the model's: shapes, zero points and the like of each step. */
#define MD_MODEL_PARAMETERS MD_SECTION(".model")

/* The tensor arena: not initialised at start-up, written before it is read. */
#define MD_ARENA MD_SECTION(".arena") MD_ALIGNED

#endif
