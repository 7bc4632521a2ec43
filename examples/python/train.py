#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a small network to tell two interleaved half moons apart.

With PyTorch on the GPU, or its CPU where there is none; without PyTorch the same network in plain
Python. results/loss.csv grows by a line an epoch, so that a training that is cut short leaves what
it has; results/weights.json is written at the end.
"""
import argparse
import json
import math
import os
import random

HIDDEN = 16


def moons(count, seed):
    """Points (x, y) and which moon they are on, 0 or 1."""
    dice = random.Random(seed)
    rows = []
    for i in range(count):
        angle, side = dice.random() * math.pi, i % 2
        x, y = math.cos(angle), math.sin(angle)
        if side:
            x, y = 1 - x, 0.4 - y
        rows.append(((x + dice.gauss(0, 0.15), y + dice.gauss(0, 0.15)), side))
    return rows


class Plain:
    """2-16-1 with tanh, trained by stochastic gradient descent, in Python alone."""
    name = "plain Python (there is no PyTorch here)"

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.hidden = [[self.dice.gauss(0, 1) for _ in range(3)] for _ in range(HIDDEN)]
        self.out = [self.dice.gauss(0, 0.3) for _ in range(HIDDEN + 1)]

    def forward(self, point):
        inside = [math.tanh(a * point[0] + b * point[1] + c) for a, b, c in self.hidden]
        z = self.out[-1] + sum(w * h for w, h in zip(self.out, inside))
        return inside, 1 / (1 + math.exp(-max(-60.0, min(60.0, z))))

    def epoch(self, rows, rate=0.1):
        total = 0.0
        for point, label in self.dice.sample(rows, len(rows)):
            inside, p = self.forward(point)
            total -= math.log(max(p if label else 1 - p, 1e-12))
            error = p - label
            for k, h in enumerate(inside):
                back = rate * error * self.out[k] * (1 - h * h)
                self.out[k] -= rate * error * h
                a, b, c = self.hidden[k]
                self.hidden[k] = [a - back * point[0], b - back * point[1], c - back]
            self.out[-1] -= rate * error
        return total / len(rows)

    def accuracy(self, rows):
        right = sum((self.forward(point)[1] > 0.5) == bool(label) for point, label in rows)
        return right / len(rows)

    def weights(self):
        return {"hidden": self.hidden, "out": self.out}


class Torch:
    """The same with PyTorch, on the GPU where it sees one."""

    def __init__(self, torch, seed):
        torch.manual_seed(seed)
        self.torch = torch
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        where = torch.cuda.get_device_name(0) if self.device == "cuda" else "the CPU"
        self.name = f"PyTorch {torch.__version__} on {where}"
        self.net = torch.nn.Sequential(torch.nn.Linear(2, HIDDEN), torch.nn.Tanh(),
                                       torch.nn.Linear(HIDDEN, 1)).to(self.device)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=0.02)
        self.cost = torch.nn.BCEWithLogitsLoss()

    def tensors(self, rows):
        return (self.torch.tensor([point for point, _ in rows], device=self.device),
                self.torch.tensor([[float(label)] for _, label in rows], device=self.device))

    def epoch(self, rows):
        points, labels = self.tensors(rows)
        order = self.torch.randperm(len(rows), device=self.device)
        total = 0.0
        for batch in order.split(32):
            loss = self.cost(self.net(points[batch]), labels[batch])
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
            total += loss.item() * len(batch)
        return total / len(rows)

    def accuracy(self, rows):
        points, labels = self.tensors(rows)
        with self.torch.no_grad():
            return ((self.net(points) > 0) == (labels > 0.5)).float().mean().item()

    def weights(self):
        return {name: value.tolist() for name, value in self.net.state_dict().items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", default="results")
    args = parser.parse_args()
    if args.epochs < 1 or args.samples < 2:
        parser.error("--epochs wants 1 or more, --samples 2 or more")
    try:
        import torch
        learner = Torch(torch, args.seed)
    except ModuleNotFoundError:
        learner = Plain(args.seed)
    print(f"training with {learner.name}", flush=True)
    rows, unseen = moons(args.samples, args.seed), moons(500, args.seed + 1)
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "loss.csv"), "w", encoding="ascii", buffering=1) as curve:
        print("epoch,loss,accuracy", file=curve)
        for epoch in range(1, args.epochs + 1):
            loss, accuracy = learner.epoch(rows), learner.accuracy(unseen)
            print(f"{epoch},{loss:.6f},{accuracy:.4f}", file=curve)
            print(f"epoch {epoch}/{args.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}",
                  flush=True)
    with open(os.path.join(args.out, "weights.json"), "w", encoding="ascii") as file:
        json.dump(learner.weights(), file)


if __name__ == "__main__":
    main()
