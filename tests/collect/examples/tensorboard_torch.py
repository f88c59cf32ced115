from torch.utils.tensorboard import SummaryWriter

with SummaryWriter("logs") as writer:
    for step in range(0, 50, 5):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
        writer.add_scalar("nan", float("nan"), step)
        writer.add_scalars("acc", {"a": step, "b": step / 2}, step)
        writer.add_text("note", "text", step)
